//! What stands after the options: sizes, times, pauses, halts.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use droves::retry::Backoff;

/// When failures stop the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Never,
    Soon(u64),
    Now(u64),
}

pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

pub(crate) fn size(text: &str) -> Result<usize, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| "a number or a percentage".into());
    match text.strip_suffix('%') {
        None => number(text),
        Some(share) => match number(share)? {
            0 => Ok(0),
            share => Ok((cores().saturating_mul(share) / 100).max(1)),
        },
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const RULE: &str = "a time such as 100ms, 1.5s, 2m, 1h or 1d";
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(RULE.into()),
    };
    let number: f64 = number.parse().map_err(|_| RULE)?;
    let time = Duration::try_from_secs_f64(number * seconds).map_err(|_| RULE)?;
    // Later than that there is no time that the system could tell.
    let then = Instant::now().checked_add(time);
    then.map(|_| time).ok_or_else(|| "a time that comes within the life of the system".into())
}

/// Within no time at all nothing ends.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    let why = "a time above 0; without --timeout there is no limit";
    duration(text).and_then(|time| if time.is_zero() { Err(why.into()) } else { Ok(time) })
}

pub(crate) fn backoff(text: &str) -> Result<Backoff, String> {
    if text == "none" {
        return Ok(Backoff::none());
    }
    if let Some(delay) = text.strip_prefix("const:") {
        return Ok(Backoff::constant(duration(delay)?));
    }
    let range = text.strip_prefix("exp:").and_then(|range| range.split_once(".."));
    let (first, longest) = range.ok_or("none, const:TIME or exp:FIRST..LONGEST")?;
    let (first, longest) = (duration(first)?, duration(longest)?);
    if first > longest {
        return Err("the longest pause is shorter than the first".into());
    }
    Ok(Backoff::exponential(first).max(longest).equal_jitter())
}

pub(crate) fn halt(text: &str) -> Result<Halt, String> {
    const RULE: &str = "never, soon,fail=N or now,fail=N, with N from 1";
    if text == "never" {
        return Ok(Halt::Never);
    }
    let (when, failures) = text.split_once(",fail=").ok_or(RULE)?;
    let failures = failures.parse().ok().filter(|failures| *failures > 0).ok_or(RULE)?;
    match when {
        "soon" => Ok(Halt::Soon(failures)),
        "now" => Ok(Halt::Now(failures)),
        _ => Err(RULE.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let ms = Duration::from_millis;
        assert_eq!(duration("100ms"), Ok(ms(100)));
        assert_eq!(duration("1.5s"), Ok(ms(1_500)));
        assert_eq!(duration("2"), Ok(ms(2_000)));
        assert_eq!(duration("2m"), Ok(ms(120_000)));
        for wrong in ["", "s", "-1s", "1x", "1e400s", "nan", "infs", "1 s", "9999999999999999999s"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_of_time_are_above_zero() {
        assert_eq!(timeout("1us"), Ok(Duration::from_micros(1)));
        for wrong in ["0", "0s", "0.0h", "0.0000001us", "soon"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
        assert!(timeout("0").unwrap_err().contains("above 0"));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("7"), Ok(7));
        assert_eq!(size("0%"), Ok(0));
        assert_eq!(size("100%"), Ok(cores()));
        assert_eq!(size("1%"), Ok((cores() / 100).max(1)));
        for wrong in ["", "-1", "%", "two", "1.5"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pauses() {
        let of = |text| backoff(text).map(|backoff| backoff.delay(3, u64::MAX).unwrap());
        assert_eq!(of("none"), Ok(Duration::ZERO));
        assert_eq!(of("const:2s"), Ok(Duration::from_secs(2)));
        assert_eq!(of("exp:100ms..10s"), Ok(Duration::from_millis(400)));
        assert_eq!(of("exp:100ms..200ms"), Ok(Duration::from_millis(200)));
        for wrong in ["", "exp", "exp:1s", "exp:2s..1s", "const:", "linear:1s"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn halts() {
        assert_eq!(halt("never"), Ok(Halt::Never));
        assert_eq!(halt("soon,fail=1"), Ok(Halt::Soon(1)));
        assert_eq!(halt("now,fail=20"), Ok(Halt::Now(20)));
        for wrong in ["", "now", "now,fail=0", "later,fail=1", "soon,fail=x", "now,success=1"] {
            assert!(halt(wrong).is_err(), "{wrong}");
        }
    }
}
