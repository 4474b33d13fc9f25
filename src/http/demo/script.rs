//! The chatbot's rules: keywords with ranks, patterns, and answers.
//!
//! In a pattern `*` stands for any words, `@name` for one word of a group. In an answer `$1`, `$2`… are what the stars
//! and groups matched, seen from the other side ("my" becomes "your"), `$!1` is the first as it was said, `$^1` with a capital letter; `=keyword` goes on with another keyword's rules.

/// A keyword and what to do with a sentence that has it. The highest rank in a sentence goes first.
pub(super) struct Rule {
    pub keyword: &'static str,
    pub rank: u8,
    pub cases: &'static [Case],
}

/// A pattern over the whole sentence, and its answers, used in turn.
pub(super) struct Case {
    pub pattern: &'static str,
    pub answers: &'static [&'static str],
}

const fn rule(keyword: &'static str, rank: u8, cases: &'static [Case]) -> Rule {
    Rule { keyword, rank, cases }
}

const fn case(pattern: &'static str, answers: &'static [&'static str]) -> Case {
    Case { pattern, answers }
}

/// Said once there is nothing to answer to.
pub(super) const GREETING: &str = "Hello. I am eliza, a small rule program. What is on your mind?";

/// What the program says of itself.
pub(super) const SELF: &str = "I am eliza, a small rule program built into zgserve-tui: no neural network, just \
    keywords, ranks and a short memory. I answer so that you can watch a paid request without a model server.";

/// Words that change when a sentence is said back.
pub(super) const REFLECTIONS: &[(&str, &str)] = &[
    ("i", "you"),
    ("me", "you"),
    ("my", "your"),
    ("mine", "yours"),
    ("myself", "yourself"),
    ("am", "are"),
    ("was", "were"),
    ("i'm", "you are"),
    ("i've", "you have"),
    ("i'd", "you would"),
    ("i'll", "you will"),
    ("you", "I"),
    ("your", "my"),
    ("yours", "mine"),
    ("yourself", "myself"),
    ("you're", "I am"),
    ("you've", "I have"),
    ("you'll", "I will"),
    ("we", "you"),
    ("our", "your"),
    ("us", "you"),
];

/// Words that a pattern may name together.
pub(super) const GROUPS: &[(&str, &[&str])] = &[
    (
        "family",
        &["mother", "father", "sister", "brother", "wife", "husband", "child", "son", "daughter", "parents"],
    ),
    ("sad", &["sad", "unhappy", "depressed", "tired", "lonely", "angry", "afraid", "worried", "sick"]),
    ("glad", &["happy", "glad", "fine", "better", "excited", "proud", "calm"]),
    ("want", &["want", "need", "wish", "desire"]),
    ("believe", &["believe", "think", "feel", "suppose", "guess"]),
    (
        "machine",
        &["computer", "computers", "machine", "machines", "bot", "robot", "program", "ai", "chatgpt", "llm"],
    ),
    ("money", &["price", "cost", "costs", "neuron", "pay", "paid", "fee", "money", "token", "tokens"]),
];

/// Answers to what was said earlier about "my …", when nothing else fits.
pub(super) const MEMORY: &[&str] = &[
    "Earlier you said \"my $!1\". Let us go back to that.",
    "You also said \"my $!1\". What else comes to mind?",
    "Has that to do with what you said: \"my $!1\"?",
];

/// When no keyword is known and nothing is remembered.
pub(super) const NOTHING: &[&str] = &[
    "Tell me more about that.",
    "I see. Please go on.",
    "What makes you say that?",
    "How do you feel about it?",
    "That is interesting. Can you give me an example?",
];

pub(super) const RULES: &[Rule] = &[
    rule("who", 20, &[case("* who are you *", &[SELF])]),
    rule(
        "what",
        3,
        &[
            case("* what are you *", &[SELF]),
            case("* what is your name *", &[SELF]),
            case(
                "* what can you do *",
                &["I turn your sentences around, remember a few of them, and cost little."],
            ),
            case("what is *", &["What do you think $1 is?", "Why do you ask about $1?"]),
            case("*", &["Why do you ask?", "What would an answer change for you?", "What do you think?"]),
        ],
    ),
    rule(
        "are",
        2,
        &[
            case("are you human *", &[SELF]),
            case("are you *", &["Would you like it if I were $1?", "Why does it matter whether I am $1?"]),
        ],
    ),
    rule("eliza", 15, &[case("*", &[SELF])]),
    rule(
        "machine",
        12,
        &[
            case("* are you a @machine *", &[SELF]),
            case("* are you an @machine *", &[SELF]),
            case("* are you * @machine *", &[SELF]),
            case(
                "* @machine *",
                &[
                    "Do machines worry you? I am one, of a small kind.",
                    "What do you think machines have to do with it?",
                ],
            ),
        ],
    ),
    rule(
        "money",
        11,
        &[case(
            "* @money *",
            &[
                "Each answer has its price, and the receipt below tells it to the neuron. Does that trouble you?",
                "What would you rather spend your money on?",
            ],
        )],
    ),
    rule("say", 14, &[case("say *", &["$^1!"]), case("* say *", &["Why would anyone say $2?"])]),
    rule("repeat", 14, &[case("repeat *", &["$^1!"]), case("repeat after me *", &["$^1!"])]),
    rule(
        "test",
        4,
        &[case(
            "*",
            &["The test works: your words reached me, and mine reached you.", "What are you testing?"],
        )],
    ),
    rule("hello", 0, &[case("*", &["Hello. How are you today?", "Hello again. What brings you here?"])]),
    rule("hi", 0, &[case("*", &["=hello"])]),
    rule("thanks", 3, &[case("*", &["You are welcome.", "It was nothing. What else is on your mind?"])]),
    rule("thank", 3, &[case("*", &["=thanks"])]),
    rule("sorry", 3, &[case("*", &["There is no need to be sorry.", "What do you feel sorry about?"])]),
    rule("bye", 13, &[case("*", &["Goodbye. It was good to talk with you."])]),
    rule("goodbye", 13, &[case("*", &["=bye"])]),
    rule(
        "remember",
        5,
        &[
            case("* i remember *", &["Do you often think of $2?", "What else does $2 bring back?"]),
            case(
                "* do you remember *",
                &["Did you think I would forget $2?", "What about $2 should I recall now?"],
            ),
        ],
    ),
    rule("if", 3, &[case("* if *", &["Do you think it is likely that $2?", "What would it mean if $2?"])]),
    rule("dream", 6, &[case("*", &["What does that dream tell you?", "Do you dream often?"])]),
    rule("perhaps", 1, &[case("*", &["You do not seem quite certain.", "Why the doubt?"])]),
    rule("maybe", 1, &[case("*", &["=perhaps"])]),
    rule("because", 2, &[case("*", &["Is that the real reason?", "What other reasons might there be?"])]),
    rule(
        "why",
        2,
        &[
            case("why don't you *", &["Do you think I should $1?", "Perhaps I will $1 in time."]),
            case("why can't i *", &["What keeps you from being able to $1?"]),
            case("*", &["=what"]),
        ],
    ),
    rule(
        "how",
        1,
        &[case("how are you *", &["My rules are in order, thank you. And you?"]), case("*", &["=what"])],
    ),
    rule(
        "can",
        2,
        &[
            case("can you *", &["You believe I can $1, do you?", "Perhaps you would like to $1 yourself."]),
            case("can i *", &["Whether you can $1 depends on you more than on me.", "Do you want to $1?"]),
        ],
    ),
    rule("always", 2, &[case("*", &["Can you think of an example?", "Really always?"])]),
    rule("everyone", 2, &[case("*", &["Surely not everyone?", "Whom do you have in mind?"])]),
    rule("nobody", 2, &[case("*", &["=everyone"])]),
    rule(
        "family",
        7,
        &[case("* my @family *", &["Tell me more about your $2.", "Who else is close to you?"])],
    ),
    rule(
        "my",
        3,
        &[case("* my *", &["Your $2?", "Why do you mention your $2?", "What does your $2 mean to you?"])],
    ),
    rule(
        "want",
        4,
        &[case(
            "* i @want *",
            &[
                "What would it mean to you if you got $3?",
                "Why do you $2 $3?",
                "Suppose you got $3 soon. What then?",
            ],
        )],
    ),
    rule(
        "sad",
        6,
        &[case(
            "* i am @sad *",
            &["I am sorry to hear that you are $2. What happened?", "Does talking help when you are $2?"],
        )],
    ),
    rule("glad", 6, &[case("* i am @glad *", &["Good. What made you $2?", "It is good that you are $2."])]),
    rule(
        "am",
        2,
        &[
            case("* i am *", &["How long have you been $2?", "Do you like being $2?"]),
            case("am i *", &["Do you believe you are $1?", "Would you want to be $1?"]),
        ],
    ),
    rule(
        "i'm",
        2,
        &[
            case("* i'm @sad *", &["I am sorry to hear that you are $2. What happened?"]),
            case("* i'm *", &["How long have you been $2?", "Do you like being $2?"]),
        ],
    ),
    rule("believe", 3, &[case("* i @believe *", &["Do you really $2 so?", "But you are not sure that $3."])]),
    rule("can't", 3, &[case("* i can't *", &["How do you know that you can't $2?", "Have you tried?"])]),
    rule("don't", 2, &[case("* i don't *", &["Why don't you $2?", "Would you like to $2?"])]),
    rule(
        "you",
        1,
        &[
            case("* you are *", &["What makes you think I am $2?", "Does it please you to think I am $2?"]),
            case("* i * you *", &["Perhaps in your mind we $2 each other.", "Do you $2 anyone else?"]),
            case(
                "* you *",
                &[
                    "We were talking about you, not about me.",
                    "You are not really talking about me, are you?",
                ],
            ),
        ],
    ),
    rule("yes", 0, &[case("*", &["You seem quite sure.", "I see."])]),
    rule("no", 0, &[case("*", &["Why not?", "You are saying no just to be firm?"])]),
];
