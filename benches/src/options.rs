//! The command line, and how much work it asks for.

use std::time::Duration;

/// How long and how often contenders run.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of an arena.
    pub rounds: usize,
    /// Rounds after which a peer without a chance leaves; see [`Arena`](crate::Arena).
    pub trial: usize,
    /// How long a contender runs in a round.
    pub short: Duration,
    /// The same where more threads than cores work: the scheduler's time slices must average out.
    pub long: Duration,
}

impl Effort {
    /// What a verdict is based on.
    pub const FULL: Self = Self {
        rounds: 31,
        trial: 6,
        short: Duration::from_millis(4),
        long: Duration::from_millis(110),
    };

    /// A look in passing, and a check that everything still runs.
    pub const QUICK: Self = Self {
        rounds: 7,
        trial: 4,
        short: Duration::from_millis(1),
        long: Duration::from_millis(10),
    };
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Long and many rounds, or short and few.
    pub effort: Effort,
    /// Whether `--quick` was given.
    pub quick: bool,
    /// Print the names of the cells and measure nothing.
    pub list: bool,
    filters: Vec<String>,
}

impl Options {
    /// Reads the process's arguments.
    ///
    /// # Errors
    /// A usage text, if there is a flag among them that is not known.
    pub fn from_env() -> Result<Self, String> {
        Self::parse(std::env::args().skip(1))
    }

    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { effort: Effort::FULL, quick: false, list: false, filters: Vec::new() };
        for argument in arguments {
            match argument.as_str() {
                // Cargo passes it to every bench.
                "--bench" => {}
                "--list" => options.list = true,
                "--quick" => {
                    options.quick = true;
                    options.effort = Effort::QUICK;
                }
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "unknown flag {flag}\nusage: [--quick] [--list] [PART OF A CELL'S NAME]..."
                    ));
                }
                _ => options.filters.push(argument),
            }
        }
        Ok(options)
    }

    /// Whether the cell is asked for: its name contains one of the filters, or there are none.
    #[must_use]
    pub fn wants(&self, cell: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| cell.contains(filter.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(arguments.iter().map(ToString::to_string))
    }

    #[test]
    fn cargos_own_flag_is_ignored_and_others_are_not() {
        let options = parse(&["--bench"]).unwrap();
        assert!(!options.quick && !options.list);
        assert!(options.wants("any/cell"));
        assert!(parse(&["--bench", "--quick"]).unwrap().quick);
        assert!(parse(&["--quik"]).unwrap_err().contains("--quik"));
    }

    #[test]
    fn filters_are_substrings_any_of_which_will_do() {
        let options = parse(&["c1024/try", "async", "--quick"]).unwrap();
        assert!(options.wants("mpmc/c1024/try/2p2c/par"));
        assert!(options.wants("mpmc/c64/async-tokio/1p1c/par"));
        assert!(!options.wants("mpmc/c64/try/2p2c/par"));
    }
}
