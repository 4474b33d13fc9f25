//! What each key does, as help, palette and `zgserve-tui keys` tell it.

// Screens by their digits

pub const HOME: &str = "Home: is anything wrong?";
pub const SERVICES: &str = "Services: what can I buy?";
pub const ACCOUNTS: &str = "Accounts: where is my money?";
pub const REQUESTS: &str = "Requests: what did I pay for?";
pub const REFUNDS: &str = "Refunds: when do I get it back?";
pub const SPEND: &str = "Spend: how much by day, provider, service?";
pub const PROVIDER: &str = "Provider: who owes me?";
pub const LOG: &str = "Log: what has happened?";
pub const SETTINGS: &str = "Settings: what is in force, and from where?";
pub const STORAGE: &str = "Storage: files with a storage service";

// Money

pub const OPEN_ACCOUNT: &str = "open an account with a first deposit";
pub const DEPOSIT: &str = "deposit: add to an account";
pub const WITHDRAW: &str = "withdraw: ask for a refund of a deposit";
pub const NAME_PROVIDER: &str = "give a provider a name of your own";
pub const SYNC_ACCOUNT: &str = "read the account again from the chain";
pub const RECONCILE_ACCOUNT: &str = "hold the books of the account against what was taken on chain";
pub const TAKE_OVER: &str = "take over: name a key of this program for an account that cannot sign here";
pub const TAKE_REFUNDS: &str = "take the refunds that are due";
pub const CANCEL_REFUND: &str = "cancel a pending refund";

// Services

pub const USE_SERVICE: &str = "start a chat, or open the files of a storage service";
pub const COMPARE: &str = "compare the marked services side by side";
pub const PROBE: &str = "ask whether it works, free of charge";
pub const PRICE_UNITS: &str = "prices of a million units, or of one";
pub const COPY_CURL: &str = "copy a curl line that calls it";
pub const COPY_BASE_URL: &str = "copy the base URL for OpenAI clients";

// Chat

pub const NEW_CONVERSATION: &str = "new conversation";
pub const RENAME_CONVERSATION: &str = "rename the conversation";
pub const DELETE_CONVERSATION: &str = "delete the conversation; its costs stay in the books";
pub const FORK: &str = "fork: a new conversation up to here";
pub const EDIT_MESSAGE: &str = "edit this message and send it again, as a fork";
pub const ASK_AGAIN: &str = "ask again";
pub const ASK_ELSEWHERE: &str = "ask again elsewhere: another service";
pub const REASONING: &str = "show or fold the reasoning";
pub const COPY_CODE: &str = "copy a code block by its number";
pub const EXPORT_CONVERSATION: &str = "export the conversation: Markdown or JSON";
pub const SEARCH_CONVERSATIONS: &str = "search in all conversations";
pub const EDITOR: &str = "write in your own editor";
pub const SEARCH_PROMPTS: &str = "search in what was written before";
pub const ATTACH: &str = "attach a text file";
pub const SWITCH_SERVICE: &str = "switch the service";
pub const PARAMETERS: &str = "system prompt, parameters and caps";

// The prompt

pub const NEW_LINE: &str = "new line";
pub const GO_ON: &str = "add what is missing, accept a price, or send again";
pub const TO_THE_ANSWERS: &str = "to the answers and the conversations";
pub const SCROLL_UP: &str = "scroll the answers up";
pub const SCROLL_DOWN: &str = "scroll the answers down";

// Requests, spend, storage

pub const REQUESTS_OR_OPERATIONS: &str = "requests, or operations on the chain";
pub const SERVICE_DETAILS: &str = "the service: its prices, whether it works";
pub const SET_CAPS: &str = "set caps: the most that may be spent";
pub const VERIFY: &str = "verify the receipt again";
pub const ACCEPT_RECEIPT: &str = "accept the receipt of a disputed request, and pay what it asks for";
pub const RECONCILE: &str = "hold the books against what was taken on chain";
pub const COPY_LINK: &str = "copy the explorer's link of a transaction";
pub const EXPORT: &str = "export as CSV or JSON";
pub const MORE_DAYS: &str = "more days";
pub const FEWER_DAYS: &str = "fewer days";
pub const GROUPS: &str = "by provider, service or nothing";
pub const UPLOAD: &str = "upload a file";
pub const DOWNLOAD: &str = "download a file";

// The console

pub const CONSOLE_OVERVIEW: &str = "Overview: is anything wrong?";
pub const CONSOLE_USERS: &str = "Users: who owes me?";
pub const CONSOLE_REQUESTS: &str = "Requests: what is being served?";
pub const CONSOLE_SERVICES: &str = "Services: what do I offer?";
pub const CONSOLE_SETTLEMENTS: &str = "Settlements: what was paid, what comes next?";
pub const CONSOLE_SETTINGS: &str = "Settings: what am I connected to?";
pub const SETTLE: &str = "settle now: shows first what it would do";
pub const REGISTER: &str = "register a service";
pub const CHANGE: &str = "change a service: price, URL, model, limits";
pub const PAUSE: &str = "pause, or resume";
pub const TAKE_OFF: &str = "take a service off the chain";
pub const COMPARE_SERVICES: &str = "compare with the chain and repair";

// Everywhere and in lists

pub const NEXT_SCREEN: &str = "next screen";
pub const SCREEN_BEFORE: &str = "screen before";
pub const UNIT: &str = "unit of amounts: auto, neuron, A0GI";
pub const TIMES: &str = "times as ages or by the clock (UTC)";
pub const PRIVACY: &str = "hide amounts and addresses";
pub const FREEZE: &str = "freeze what is shown, and go on";
pub const REFRESH: &str = "ask the broker again now";
pub const MOUSE: &str = "take the mouse, or leave it to the terminal";
pub const HELP: &str = "this help";
pub const PALETTE: &str = "find an action by name";
pub const BACK: &str = "one step back";
pub const SUSPEND: &str = "suspend; `fg` comes back";
pub const STOP: &str = "stop what runs, leave what is open, then quit";
pub const PAGE_DOWN: &str = "page down";
pub const PAGE_UP: &str = "page up";
pub const OPEN_DETAILS: &str = "open or close the details";
pub const FOCUS: &str = "between list and details";
pub const FOCUS_BACK: &str = "the same backwards";
pub const FILTER: &str = "filter: words, !word, price<1000, type:chatbot (tab)";
pub const SORT: &str = "sort by the next column";
pub const TURN_SORT: &str = "turn the order around";
pub const MARK: &str = "mark a row; y copies all marked ones, esc takes the marks away";
pub const ZOOM: &str = "details over the whole screen, and back";
pub const COPY: &str = "copy address, id, name or hash";
pub const COPY_ALL: &str = "copy all details";
