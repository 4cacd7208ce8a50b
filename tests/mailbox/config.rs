//! A capacity that cannot be is an error at construction.

use droves::ConfigError;
use droves::mailbox::{HeapMailbox, channel};

const MAX: usize =
    if cfg!(any(droves_word32, not(target_has_atomic = "64"))) { 1 << 20 } else { 1 << 30 };

fn refused(capacity: usize) -> ConfigError {
    let error = HeapMailbox::<u8>::with_capacity(capacity).map(drop).unwrap_err();
    assert_eq!(channel::<u8>(capacity).map(drop), Err(error));
    error
}

#[test]
fn promise_11_a_bad_capacity_names_field_value_and_rule() {
    for capacity in [0, MAX + 1, usize::MAX] {
        let error = refused(capacity);
        assert_eq!(
            (error.field, error.value, error.min, error.max),
            ("capacity", capacity, 1, MAX)
        );
        let text = format!("capacity is {capacity}, but must be from 1 to {MAX}");
        assert_eq!(error.to_string(), text);
        let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
        assert_eq!(boxed.to_string(), text);
    }
}

#[test]
fn promise_11_good_capacities_are_taken_as_they_are() {
    for capacity in [1, 2, 3, 63, 64, 65, 1000] {
        assert_eq!(HeapMailbox::<u8>::with_capacity(capacity).unwrap().capacity(), capacity);
    }
}

/// Not even one with room for few of them.
#[test]
#[cfg(target_pointer_width = "64")]
fn promise_11_a_capacity_beyond_the_address_space_is_refused() {
    type Huge = [u8; 1 << 44];
    let error = channel::<Huge>(MAX).map(drop).unwrap_err();
    assert_eq!((error.field, error.value, error.min), ("capacity", MAX, 1));
    assert!(error.max <= isize::MAX as usize >> 44);
}

/// With 32-bit words the largest mailbox is small enough to be made here.
#[test]
#[cfg(droves_word32)]
fn promise_11_the_largest_capacity_works() {
    let mailbox = HeapMailbox::<u8>::starting_before_wrap(MAX, 1).unwrap();
    let (mut tx, mut rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    for lap in 0..3 {
        assert_eq!(tx.try_send_many((0..MAX).map(|i| i as u8 ^ lap)), Ok(MAX));
        assert!(mailbox.is_full() && tx.try_send(0).is_err());
        assert!((0..MAX).all(|i| rx.try_recv() == Ok(i as u8 ^ lap)));
        assert!(mailbox.is_empty());
    }
}
