//! What screens are built from. Nothing here knows a broker; state comes in, cells go out.
//!
//! All text reaches the terminal through [`draw`], which cleans it: no byte that a stranger wrote can steer.
//!
//! | file | holds |
//! |---|---|
//! | `look` | how people want figures: unit, times, privacy, colours |
//! | `amount`, `moment` | neuron and A0GI, times and waits as text |
//! | `draw` | clean text, rules, boxes, gauges on a buffer |
//! | `chart` | bars by day, bars by name, sparklines |
//! | `gauge` | progress, and the time that is left |
//! | `qr` | a text for the camera of a phone |
//! | `table` | rows with sort, filter and selection; only what is visible is laid out |
//! | `filter` | which rows a typed text lets through |
//! | `markdown` | answers of models as they arrive: lines of styled pieces, code in colour |
//! | `dialog` | a question with Cancel first |
//! | `facts` | one thing in full: labels and values |
//! | `pane` | whether the details of a list are open, have the keys, take the whole screen |
//! | `form` | fields to type into, each with its own complaint |
//! | `strip` | the rows around a screen: tabs, status, hints |
//! | `privacy` | amounts and addresses inside sentences, hidden |
//! | `toast` | what just happened, for a few seconds |

pub mod amount;
pub mod chart;
pub mod dialog;
pub mod draw;
pub mod facts;
pub mod filter;
pub mod form;
pub mod gauge;
pub mod look;
pub mod markdown;
pub mod moment;
pub mod pane;
pub mod privacy;
pub mod qr;
pub mod strip;
pub mod table;
pub mod toast;
