//! What each setting is for: the comments of the example files, and the last sentence of an error about a value.

/// A setting's path and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct About {
    pub key: &'static str,
    pub text: &'static str,
}

type Lines = &'static [(&'static str, &'static str)];

pub(super) fn of(parts: &[Lines]) -> Vec<About> {
    parts.iter().flat_map(|lines| lines.iter()).map(|(key, text)| About { key, text }).collect()
}

/// Settings that both roles have.
pub(super) const SHELL: Lines = &[
    (
        "privateKeys",
        "The private key of your wallet for the chain: 64 hexadecimal digits in quotes, or a list of keys of which the \
         first signs. Safer than here is an encrypted key file: `zgserve-tui wallet new` (a provider's: `wallet --role provider \
         new`), then set wallet.",
    ),
    (
        "wallet",
        "Address of the key file to use when privateKeys is empty; with one key file there is no need to say which.",
    ),
    ("passphraseFile", "A file whose first line is the key file's passphrase, for starts without a person."),
    (
        "passphraseFrom",
        "Where that passphrase comes from: file, keyring (what `zgserve-tui wallet keyring add` keeps in the keyring of your \
         session) or prompt. auto tries them in this order.",
    ),
    ("dataDir", "Where database, delegate keys and lock live. Empty: the system's place for programs' data."),
    (
        "listen",
        "IP address and port of the API. Keep it on 127.0.0.1: whoever reaches it can spend your money.",
    ),
    (
        "listenWithoutToken",
        "Allow a listener beyond loopback without a token. Only for a container whose port is published on 127.0.0.1.",
    ),
    ("token", "When set, every call must say Authorization: Bearer <token>. At least 16 characters."),
    (
        "tokenFile",
        "A file whose first line is the token, for its owner's eyes only (mode 0600). A broker that finds none makes one with \
         a random token; commands on the same settings read it.",
    ),
    (
        "allowHosts",
        "Further names under which the API may be called, as a Host header says them (name or name:port).",
    ),
    ("chain", "The chain and the Serving contract on it. The defaults are those of `zgserve-tui devnet`."),
    ("chain.rpcUrl", "JSON-RPC address of a node of the chain, http or https."),
    (
        "chain.fallbackRpcUrls",
        "Further nodes of the same chain, asked when the first does not answer or falls behind; transactions go to all.",
    ),
    ("chain.contract", "Address of the Serving contract; `zgserve-tui deploy` prints it."),
    ("chain.chainId", "Refuse any other chain than this one. Empty: take the chain that answers."),
    (
        "chain.trustOtherContractCode",
        "Use a Serving contract whose code is not the one that this program was built for: true or false. Its author may \
         keep what is paid into it. On development chains (ids 1337 and 31337) any is used.",
    ),
    (
        "chain.confirmations",
        "How many blocks deep a transaction must be to count as done; 1 is in a block at all.",
    ),
    ("chain.pollInterval", "Milliseconds between two looks for new blocks. Empty: what suits the address."),
    ("chain.timeout", "Seconds to wait for one answer of the node."),
    ("chain.maxFeePerGas", "The most that one unit of gas may cost, in neuron. Above it nothing is sent."),
    ("chain.replaceAfter", "Seconds after which a stuck transaction is replaced at a higher fee."),
    (
        "chain.unknownAfter",
        "Seconds after which an outcome is called unknown; it is followed up all the same.",
    ),
    (
        "chain.explorerUrl",
        "Address of a page about the chain, for links to transactions: <address>/tx/<hash>.",
    ),
    ("terminal", "How you want the screens."),
    (
        "terminal.theme",
        "auto asks the terminal which ground it has; or dark, light, none. NO_COLOR in the environment means none.",
    ),
    (
        "terminal.mouse",
        "Whether the mouse works in the screens (true), or is left to the terminal's own selection (false).",
    ),
    (
        "terminal.notify",
        "Whether a bell and a notice tell you of answers, unlocks and caps while you look at another window.",
    ),
    (
        "terminal.plain",
        "true: lines of text and typed answers instead of screens, as screen readers want it (also --plain).",
    ),
    (
        "terminal.keys",
        "Keys that shall be others than delivered, by the names of actions, as in `deposit: [F5]` or `unit: [U, F6]`; an \
         empty list takes an action's keys away. `zgserve-tui keys` lists the actions with their names and keys.",
    ),
];

/// Settings of the user broker.
pub(super) const USER: Lines = &[
    (
        "caps",
        "Budget caps in neuron, as text; empty is no cap. They hold under concurrency and over restarts.",
    ),
    ("caps.perRequest", "The highest fee of one request."),
    ("caps.perDay", "Fees of one UTC day over all providers; requests under way count at their highest fee."),
    ("caps.perProvider", "Ever promised to one provider."),
    ("caps.total", "Ever promised to all providers together."),
    (
        "maxExposure",
        "How far vouchers may run ahead of what is owed, per provider, in neuron. Empty: as far as the highest fees \
         of the requests under way.",
    ),
    ("defaultMaxOutput", "Output that a request is assumed to want when its body sets no limit."),
    ("defaultMaxOutput.tokens", "For chatbot services."),
    ("defaultMaxOutput.bytes", "For zgStorage services."),
    (
        "reservationWait",
        "Seconds that a request waits for others under way to free what it needs, before it is refused.",
    ),
    ("connectTimeout", "Seconds that connecting to a provider may take."),
    ("firstByteTimeout", "Seconds until the head of an answer; long thinking happens before it."),
    ("idleTimeout", "The longest silence inside an answer, in seconds."),
    (
        "authorisationLifetime",
        "Seconds that a request's authorisation is good for; covers differences between clocks. A provider takes 600 at most, \
         unless its authorisation.maxLifetime says otherwise.",
    ),
    ("maxChatBody", "The largest request body for a chatbot, in bytes."),
    ("maxStorageBody", "The largest request body for storage, in bytes."),
    ("maxChatAnswer", "The largest answer of a chatbot, in bytes. Storage answers end at their highest fee."),
    (
        "bodyMemory",
        "Bytes of request and answer bodies held in memory at a time, over all requests. What finds no room goes to disk, or \
         waits for a few seconds and is then refused.",
    ),
    (
        "bodyDisk",
        "Bytes of request bodies that may lie on disk at a time, over all requests; at least one of the largest. A provider gives \
         one user half of it, or one largest body. What finds no room is refused with 503 busy, and 256 MiB of the disk stay free.",
    ),
    ("autoProcessRefunds", "Take refunds as soon as they are due: true or false."),
    (
        "allowPrivateProviders",
        "Call providers at loopback and private addresses: true or false. Empty: only on a development chain (id 1337 or 31337) \
         whose node is on this machine.",
    ),
    (
        "usageTolerancePercent",
        "By how many percent a model server's own figures may pass our count and be paid all the same; 0 pays no more than we count.",
    ),
    (
        "cutAllowance",
        "What may have been under way when we hung up on an answer, and is paid although it did not arrive.",
    ),
    ("cutAllowance.tokens", "For chatbot services."),
    ("cutAllowance.bytes", "For zgStorage services."),
    (
        "receiptPatience",
        "Seconds for which a provider is asked for a receipt that did not come; then our own count is owed.",
    ),
    ("refreshInterval", "Seconds between two full reads of the chain, the backstop behind its events."),
    (
        "keepRequests",
        "Days after which requests that are over are deleted, with their receipts; at least 30. What they cost stays in all sums. The \
         idempotency keys of deleted calls are forgotten too: a call that comes with one after that is made, and paid, anew. Empty: \
         they are kept.",
    ),
];

/// Settings of the provider broker.
pub(super) const PROVIDER: Lines = &[
    (
        "servingUrl",
        "The publicly exposed URL of this broker. The chain lists it for each service, and users call it.",
    ),
    (
        "proxyListen",
        "IP address and port of a public listener that has the metered proxy and nothing else. Empty: the proxy is on \
         listen only. Put TLS in front of it.",
    ),
    (
        "behindProxy",
        "true: a web server on this machine or in its private network stands in front, and its X-Forwarded-For says who asks. What \
         strangers may do has bounds for each address; without this all of them share one behind it.",
    ),
    (
        "creditLimit",
        "Neuron that a user may owe beyond the best voucher: the most that one who vanishes can take.",
    ),
    ("maxInFlightPerUser", "Requests of one user that may run at the same time; at least 1."),
    (
        "requestsPerMinutePerUser",
        "Requests that one user may make in a minute; 0 is any number. What a service takes is set with the service.",
    ),
    ("priceGrace", "Seconds for which a replaced price is still good for requests signed under it."),
    ("drain", "When stopping: seconds that answers under way may go on before they are cut and booked."),
    ("resync", "Seconds between two full reads of the chain, the backstop behind its events."),
    ("bodyLimits", "The largest request body taken, in bytes, by type of service."),
    ("bodyLimits.chatbot", "For chatbot services."),
    ("bodyLimits.zgStorage", "For zgStorage services."),
    (
        "bodyMemory",
        "Bytes of request and answer bodies held in memory at a time, over all requests. What finds no room goes to disk, or \
         waits for a few seconds and is then refused.",
    ),
    (
        "bodyDisk",
        "Bytes of request bodies that may lie on disk at a time, over all requests; at least one of the largest. A provider gives \
         one user half of it, or one largest body. What finds no room is refused with 503 busy, and 256 MiB of the disk stay free.",
    ),
    (
        "upstream",
        "How long the service behind the broker may take, and how often it is looked at, in seconds.",
    ),
    ("upstream.connectTimeout", "Until it takes the connection."),
    ("upstream.firstByteTimeout", "Until the head of its answer."),
    ("upstream.idleTimeout", "Between two pieces of its answer."),
    (
        "upstream.healthInterval",
        "Between two looks at whether it works, which cost nothing; 0 turns them off.",
    ),
    ("authorisation", "What a request's authorisation may say about time, in seconds."),
    ("authorisation.maxLifetime", "The furthest expiry that is taken."),
    ("authorisation.clockSkew", "How far the user's clock may be off."),
    ("free", "How much a stranger may ask of the endpoints that cost nothing."),
    ("free.perSecond", "Requests a second and network address in the long run; at least 1."),
    ("free.burst", "How many may come at once; at least 1."),
    (
        "keepRequests",
        "Days after which requests that are over and paid are deleted; at least 30. What they brought stays in all sums. Their ids are \
         forgotten too; no authorisation is good for that long, so none is served twice. Idempotency keys of your own orders stay. \
         Empty: they are kept.",
    ),
    ("settlement", "When the broker settles by itself. `zgserve-tui settle` does it in any case."),
    ("settlement.automatic", "Whether it does so at all: true or false."),
    ("settlement.checkInterval", "Seconds between two looks at the books; at least 1."),
    (
        "settlement.gasShareBasisPoints",
        "Settle once the transaction costs at most this share of what it brings; 100 basis points are one percent.",
    ),
    (
        "settlement.oldGasShareBasisPoints",
        "The same share for a debt that is maxAge old, or close to its balance. It grows with the age, to a tenth at most. \
         A debt in danger is settled as long as it brings more than its gas.",
    ),
    (
        "settlement.maxAge",
        "A debt is old after so many seconds, and settled in the next cheap hour; half of this time later at any price.",
    ),
    (
        "settlement.riskLimit",
        "Settle once one user's unsettled debt passes this, in neuron. \"0\" turns it off.",
    ),
    (
        "settlement.balanceSharePercent",
        "Settle once a user's debt is this share of what the account holds; 1 to 100.",
    ),
    (
        "settlement.refundMargin",
        "A user whose refund would take out what is owed is settled half a lock time before it unlocks, and these seconds \
         earlier. Held to an eighth of the lock time; five times what transactions take to be mined if that is longer.",
    ),
    ("settlement.retryAfter", "Seconds before a row that the contract did not pay is tried again by itself."),
];
