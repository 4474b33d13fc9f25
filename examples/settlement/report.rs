//! What came of a run, counted while it goes and printed at its end.

use std::collections::BTreeMap;

use zgserve_tui::domain::Neuron;

/// Neuron, unless the name says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub requests: usize,
    /// Requests that were not admitted: no cover, or the broker was down.
    pub refused: usize,
    pub earned: u128,
    pub settled: u128,
    /// Claimable at the end.
    pub still_owed: u128,
    /// Owed, and never promised by a voucher.
    pub unpromised: u128,
    /// Claimable and worth its own gas, when a refund took it out.
    pub lost: u128,
    pub losses: usize,
    /// The same, worth less than its own gas.
    pub lost_dust: u128,
    pub dusty: usize,
    pub refunds: usize,
    pub taken: usize,
    /// Users' transactions that failed.
    pub reverted: usize,
    pub settlements: usize,
    pub rows: usize,
    /// Rows in mined settlements for which the contract paid nothing.
    pub unpaid_rows: usize,
    pub replaced: usize,
    pub gas_used: u64,
    pub gas_spent: u128,
    /// Gas that the same rows would use in upstream's own contract.
    pub own_contract_gas: usize,
    pub crashes: usize,
    pub blocks: u64,
    /// How often each rule asked for a settlement that went out.
    pub reasons: BTreeMap<&'static str, usize>,
}

impl Totals {
    /// Gas, in neuron, for one neuron that was settled.
    pub fn gas_share(&self) -> f64 {
        ratio(self.gas_spent, self.settled)
    }

    /// The same with the gas of upstream's own contract, at the prices paid.
    pub fn own_contract_share(&self) -> f64 {
        self.gas_share() * self.own_contract_gas as f64 / self.gas_used.max(1) as f64
    }
}

fn ratio(part: u128, whole: u128) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn a0gi(neuron: u128) -> String {
    format!("{:.6}", neuron as f64 / Neuron::A0GI.get() as f64)
}

/// The runs beside each other, one column each.
pub fn print(days: u64, columns: &[(&str, &Totals)]) {
    let line = |name: &str, value: &dyn Fn(&Totals) -> String| {
        let values: String = columns.iter().map(|(_, totals)| format!(" {:>20} |", value(totals))).collect();
        println!("| {name:<38} |{values}");
    };
    let names: String = columns.iter().map(|(name, _)| format!(" {name:>20} |")).collect();
    println!("| {:<38} |{names}", "amounts in A0GI");
    println!("|{}|{}", "-".repeat(40), format!("{}:|", "-".repeat(21)).repeat(columns.len()));
    line("requests served", &|t| t.requests.to_string());
    line("requests refused", &|t| t.refused.to_string());
    line("value earned", &|t| a0gi(t.earned));
    line("value settled", &|t| a0gi(t.settled));
    line("still owed and claimable at the end", &|t| a0gi(t.still_owed));
    line("owed, never promised by a voucher", &|t| a0gi(t.unpromised));
    line("refunds asked for / taken", &|t| format!("{} / {}", t.refunds, t.taken));
    line("value lost to unsettled refunds", &|t| a0gi(t.lost));
    line("  in so many refunds", &|t| t.losses.to_string());
    line("  dust beside it, below its own gas", &|t| a0gi(t.lost_dust));
    line("  in so many refunds", &|t| t.dusty.to_string());
    line("gas spent", &|t| a0gi(t.gas_spent));
    line("gas as a share of value settled", &|t| format!("{:.4} %", 100.0 * t.gas_share()));
    line("gas for one A0GI settled (million gas)", &|t| {
        format!("{:.3}", ratio(u128::from(t.gas_used), t.settled) * 1e12)
    });
    line("paid for a unit of gas on average, gwei", &|t| {
        format!("{:.2}", ratio(t.gas_spent, t.gas_used.into()) / 1e9)
    });
    line("settlements", &|t| t.settlements.to_string());
    line("settlements a day", &|t| format!("{:.1}", t.settlements as f64 / days as f64));
    line("rows / of them paid nothing", &|t| format!("{} / {}", t.rows, t.unpaid_rows));
    line("fees raised", &|t| t.replaced.to_string());
    line("crashes", &|t| t.crashes.to_string());
    line("blocks mined", &|t| t.blocks.to_string());
    for (name, totals) in columns {
        let reasons: Vec<String> =
            totals.reasons.iter().map(|(code, count)| format!("{code} {count}")).collect();
        println!("  {name} settled for: {}", reasons.join(", "));
    }
}

/// Lowest, middle and highest over several seeds; each run is ours, ours with patience, upstream's rule, and that rule told
/// of refunds at once.
pub fn spread(runs: &[[Totals; 4]]) {
    println!("over {} seeds: lowest / median / highest", runs.len());
    let line = |name: &str, value: &dyn Fn(&[Totals; 4]) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let (low, middle, high) = (values[0], values[values.len() / 2], values[values.len() - 1]);
        println!("| {name:<58} | {low:>9.4} | {middle:>9.4} | {high:>9.4} |");
    };
    for (at, name) in ["ours", "ours, paid daily", "upstream's rule", "… told of refunds"].iter().enumerate()
    {
        line(&format!("{name}: gas share, %"), &|run| 100.0 * run[at].gas_share());
        line(&format!("{name}: lost, A0GI"), &|run| run[at].lost as f64 / 1e18);
    }
    for (at, name) in ["ours", "ours, paid daily"].iter().enumerate() {
        line(&format!("upstream's rule ÷ {name}"), &|run| run[2].gas_share() / run[at].gas_share());
        line(&format!("… told of refunds ÷ {name}"), &|run| run[3].gas_share() / run[at].gas_share());
        let own_contract = |run: &[Totals; 4]| run[2].own_contract_share() / run[at].gas_share();
        line(&format!("upstream's rule on its own contract ÷ {name}"), &own_contract);
    }
}
