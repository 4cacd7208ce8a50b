//! The only file that names atomics, shared cells and shared pointers.
//!
//! Everything else goes through these types, so that one switch replaces them all:
//!
//! | cfg | atomics are | for |
//! |---|---|---|
//! | – | `core`, or `portable-atomic` where the target has no compare-and-swap | use |
//! | `droves_loom` | loom's | exhaustive interleavings |
//! | `droves_loom`, `droves_strong` | loom's, with each load and store a read-modify-write | interleavings that plain loom skips |
//! | `droves_shuttle` | shuttle's | random interleavings of larger programs |
//! | `droves_stall` | `core`, with [`step`] before each access | stopping a thread at a chosen access |
//! | `droves_word32` | `core`, 32 bits wide | the word of a 32-bit target on a wider one |

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this file is what stands for them"
)]

pub(crate) use core::sync::atomic::Ordering;

#[cfg(all(target_has_atomic = "64", not(droves_word32)))]
mod width {
    /// The widest word that the target exchanges atomically.
    pub(crate) type Word = u64;
    #[cfg(not(any(droves_loom, droves_shuttle)))]
    pub(super) use core::sync::atomic::AtomicU64 as Raw;
    #[cfg(droves_loom)]
    pub(super) use loom::sync::atomic::AtomicU64 as Raw;
    #[cfg(droves_shuttle)]
    pub(super) use shuttle::sync::atomic::AtomicU64 as Raw;
}

#[cfg(any(not(target_has_atomic = "64"), droves_word32))]
mod width {
    /// The widest word that the target exchanges atomically.
    pub(crate) type Word = u32;
    #[cfg(all(target_has_atomic = "32", not(any(droves_loom, droves_shuttle))))]
    pub(super) use core::sync::atomic::AtomicU32 as Raw;
    #[cfg(droves_loom)]
    pub(super) use loom::sync::atomic::AtomicU32 as Raw;
    #[cfg(not(target_has_atomic = "32"))]
    pub(super) use portable_atomic::AtomicU32 as Raw;
    #[cfg(droves_shuttle)]
    pub(super) use shuttle::sync::atomic::AtomicU32 as Raw;
}

pub(crate) use width::Word;

/// A word that holds an index.
#[allow(clippy::cast_possible_truncation, reason = "an index fits in a usize")]
#[inline]
pub(crate) const fn low(word: Word) -> usize {
    word as usize
}

#[cfg(all(
    feature = "alloc",
    target_has_atomic = "ptr",
    not(any(droves_loom, droves_shuttle))
))]
pub(crate) use alloc::sync::Arc;
#[cfg(all(feature = "alloc", droves_loom))]
pub(crate) use loom::sync::Arc;
#[cfg(all(feature = "alloc", not(target_has_atomic = "ptr")))]
pub(crate) use portable_atomic_util::Arc;
#[cfg(all(feature = "alloc", droves_shuttle))]
pub(crate) use shuttle::sync::Arc;

/// Declares a `const fn`, or a plain `fn` under loom, whose types have no const constructor.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(droves_loom))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(droves_loom)]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// A [`Word`] that threads share.
#[derive(Debug)]
pub(crate) struct AtomicWord(width::Raw);

impl AtomicWord {
    const_fn! {
        pub(crate) const fn new(value: Word) -> Self {
            Self(width::Raw::new(value))
        }
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> Word {
        step();
        if cfg!(droves_strong) {
            return self.0.fetch_add(0, Ordering::AcqRel);
        }
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn store(&self, value: Word, order: Ordering) {
        step();
        if cfg!(droves_strong) {
            self.0.swap(value, Ordering::AcqRel);
            return;
        }
        self.0.store(value, order);
    }

    /// Whether the word was `old` and is now `new`; if not, what it was.
    #[inline]
    pub(crate) fn compare_exchange(
        &self,
        old: Word,
        new: Word,
        success: Ordering,
        failure: Ordering,
    ) -> Result<Word, Word> {
        step();
        self.0.compare_exchange(old, new, success, failure)
    }

    #[inline]
    pub(crate) fn fetch_add(&self, value: Word, order: Ordering) -> Word {
        step();
        self.0.fetch_add(value, order)
    }

    #[inline]
    pub(crate) fn fetch_sub(&self, value: Word, order: Ordering) -> Word {
        step();
        self.0.fetch_sub(value, order)
    }

    #[inline]
    pub(crate) fn fetch_or(&self, bits: Word, order: Ordering) -> Word {
        step();
        self.0.fetch_or(bits, order)
    }

    #[inline]
    pub(crate) fn fetch_and(&self, bits: Word, order: Ordering) -> Word {
        step();
        self.0.fetch_and(bits, order)
    }
}

/// An `UnsafeCell` whose accesses loom checks and the stall test counts.
#[derive(Debug)]
pub(crate) struct SharedCell<T>(
    #[cfg(not(droves_loom))] core::cell::UnsafeCell<T>,
    #[cfg(droves_loom)] loom::cell::UnsafeCell<T>,
);

impl<T> SharedCell<T> {
    const_fn! {
        pub(crate) const fn new(value: T) -> Self {
            #[cfg(not(droves_loom))]
            return Self(core::cell::UnsafeCell::new(value));
            #[cfg(droves_loom)]
            return Self(loom::cell::UnsafeCell::new(value));
        }
    }

    /// Calls `f` with a pointer for reading.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        step();
        #[cfg(not(droves_loom))]
        return f(self.0.get());
        #[cfg(droves_loom)]
        return self.0.with(f);
    }

    /// Calls `f` with a pointer for writing.
    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        step();
        #[cfg(not(droves_loom))]
        return f(self.0.get());
        #[cfg(droves_loom)]
        return self.0.with_mut(f);
    }
}

/// A value that one thread at a time uses, and nobody waits for: who finds it in use does without.
#[derive(Debug)]
pub(crate) struct TryLock<T> {
    used: AtomicWord,
    value: SharedCell<T>,
}

#[allow(unsafe_code, reason = "one user at a time, by the flag")]
mod try_lock {
    use super::{AtomicWord, Ordering, SharedCell, TryLock};

    // SAFETY: at most one thread at a time has access, and it may be another than before.
    unsafe impl<T: Send> Sync for TryLock<T> {}

    impl<T> TryLock<T> {
        const_fn! {
            pub(crate) const fn new(value: T) -> Self {
                Self { used: AtomicWord::new(0), value: SharedCell::new(value) }
            }
        }

        /// Gives the value to `f` with `input`; or else returns the input, since it is in use.
        #[inline]
        pub(crate) fn with<I, R>(&self, input: I, f: impl FnOnce(&mut T, I) -> R) -> Result<R, I> {
            struct Free<'a>(&'a AtomicWord);
            impl Drop for Free<'_> {
                fn drop(&mut self) {
                    // Release: pairs with the exchange of whoever is next.
                    self.0.store(0, Ordering::Release);
                }
            }
            // Acquire: the last user is done with it.
            let exchange = self.used.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
            if exchange.is_err() {
                return Err(input);
            }
            let _free = Free(&self.used);
            // SAFETY: the flag was not set and is now, so that nobody else is here until it is freed.
            Ok(self.value.with_mut(|value| f(unsafe { &mut *value }, input)))
        }
    }
}

/// Says that the calling loop is about to try again because another thread was faster.
#[inline]
pub(crate) fn retry() {
    #[cfg(droves_loom)]
    loom::thread::yield_now();
    #[cfg(droves_shuttle)]
    shuttle::hint::spin_loop();
    #[cfg(not(any(droves_loom, droves_shuttle)))]
    core::hint::spin_loop();
}

#[cfg(not(droves_stall))]
#[inline(always)]
fn step() {}

#[cfg(droves_stall)]
fn step() {
    stall::step();
}

/// Where the stall test takes hold of a thread.
#[cfg(droves_stall)]
pub mod stall {
    use core::cell::RefCell;
    use std::boxed::Box;

    type Hook = Box<dyn FnMut()>;

    std::thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// Calls `hook` before each atomic or cell access of this thread while `f` runs.
    pub fn observe<R>(hook: impl FnMut() + 'static, f: impl FnOnce() -> R) -> R {
        HOOK.with(|slot| *slot.borrow_mut() = Some(Box::new(hook)));
        let result = f();
        // Dropped outside the borrow: it may own handles.
        drop(HOOK.with(|slot| slot.borrow_mut().take()));
        result
    }

    pub(super) fn step() {
        // Taken out while it runs, so that a hook that drives a mailbox itself is not called back.
        let Some(mut hook) = HOOK.with(|slot| slot.borrow_mut().take()) else {
            return;
        };
        hook();
        HOOK.with(|slot| *slot.borrow_mut() = Some(hook));
    }
}

#[cfg(feature = "alloc")]
pub(crate) use once::OnceBox;
#[cfg(feature = "alloc")]
pub(crate) use stack::Stack;

#[cfg(feature = "alloc")]
#[allow(unsafe_code, reason = "a box that is published once")]
mod once {
    use alloc::boxed::Box;
    use core::ptr::null_mut;

    #[cfg(all(target_has_atomic = "ptr", not(any(droves_loom, droves_shuttle))))]
    use core::sync::atomic::AtomicPtr;
    #[cfg(droves_loom)]
    use loom::sync::atomic::AtomicPtr;
    #[cfg(not(target_has_atomic = "ptr"))]
    use portable_atomic::AtomicPtr;
    #[cfg(droves_shuttle)]
    use shuttle::sync::atomic::AtomicPtr;

    use super::{Ordering, step};

    /// A place that is empty at first, and is filled once. Lock-free, but for the allocator.
    #[derive(Debug)]
    pub(crate) struct OnceBox<T> {
        place: AtomicPtr<T>,
        owned: core::marker::PhantomData<Box<T>>,
    }

    // SAFETY: it gives out `&T` to all threads, and drops the `T` in the last.
    unsafe impl<T: Send + Sync> Sync for OnceBox<T> {}

    impl<T> OnceBox<T> {
        pub(crate) fn new() -> Self {
            Self { place: AtomicPtr::new(null_mut()), owned: core::marker::PhantomData }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            step();
            // Acquire: pairs with the exchange below.
            let found = self.place.load(Ordering::Acquire);
            // SAFETY: not null means that it came out of a box below, and it stays until drop.
            unsafe { found.as_ref() }
        }

        /// Fills the place, unless somebody else is first.
        pub(crate) fn get_or_set(&self, make: impl FnOnce() -> T) {
            if self.get().is_some() {
                return;
            }
            let new = Box::into_raw(Box::new(make()));
            step();
            // Release: publishes what was made.
            let exchange =
                self.place.compare_exchange(null_mut(), new, Ordering::Release, Ordering::Relaxed);
            if exchange.is_err() {
                // SAFETY: it came out of a box just now, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
            }
        }
    }

    impl<T> Drop for OnceBox<T> {
        fn drop(&mut self) {
            // Relaxed: who drops it has it alone.
            let found = self.place.load(Ordering::Relaxed);
            if !found.is_null() {
                // SAFETY: it came out of a box in `get_or_set`, and nobody else can reach it now.
                drop(unsafe { Box::from_raw(found) });
            }
        }
    }
}

#[cfg(feature = "alloc")]
#[allow(unsafe_code, reason = "a list whose nodes one thread at a time owns")]
mod stack {
    use alloc::boxed::Box;
    use core::ptr::null_mut;

    #[cfg(all(target_has_atomic = "ptr", not(any(droves_loom, droves_shuttle))))]
    use core::sync::atomic::AtomicPtr;
    #[cfg(droves_loom)]
    use loom::sync::atomic::AtomicPtr;
    #[cfg(not(target_has_atomic = "ptr"))]
    use portable_atomic::AtomicPtr;
    #[cfg(droves_shuttle)]
    use shuttle::sync::atomic::AtomicPtr;

    use super::{AtomicWord, Ordering, low, retry, step};

    /// A stack without a bound, for what is rare: each value is in a box. `push` is lock-free, but for the allocator.
    ///
    /// Treiber's stack, whose `pop` takes all and puts the rest back, so that no node is looked at that another
    /// thread may free.
    #[derive(Debug)]
    pub(crate) struct Stack<T> {
        top: AtomicPtr<Node<T>>,
        len: AtomicWord,
        owned: core::marker::PhantomData<Box<T>>,
    }

    #[derive(Debug)]
    struct Node<T> {
        value: T,
        next: *mut Node<T>,
    }

    // SAFETY: it moves values from one thread to another, and gives out no reference.
    unsafe impl<T: Send> Send for Stack<T> {}
    // SAFETY: as above.
    unsafe impl<T: Send> Sync for Stack<T> {}

    impl<T> Stack<T> {
        pub(crate) fn new() -> Self {
            let owned = core::marker::PhantomData;
            Self { top: AtomicPtr::new(null_mut()), len: AtomicWord::new(0), owned }
        }

        /// Whether nothing is in it; perhaps also while another thread is in `pop`.
        #[inline]
        pub(crate) fn is_empty(&self) -> bool {
            step();
            self.top.load(Ordering::Acquire).is_null()
        }

        /// About how many values are in it.
        pub(crate) fn len(&self) -> usize {
            // Relaxed: a number to be read. It is counted before and after, so it is never below zero.
            low(self.len.load(Ordering::Relaxed))
        }

        pub(crate) fn push(&self, value: T) {
            self.len.fetch_add(1, Ordering::Relaxed);
            let node = Box::into_raw(Box::new(Node { value, next: null_mut() }));
            self.put(node, node);
        }

        /// Puts a list of nodes on top.
        fn put(&self, first: *mut Node<T>, last: *mut Node<T>) {
            step();
            let mut top = self.top.load(Ordering::Relaxed);
            loop {
                // SAFETY: the list is this thread's until the exchange below.
                unsafe { (*last).next = top };
                step();
                // Release: pairs with the swap in `pop`.
                match self.top.compare_exchange(top, first, Ordering::Release, Ordering::Relaxed) {
                    Ok(_) => return,
                    Err(found) => {
                        top = found;
                        retry();
                    }
                }
            }
        }

        /// Takes a value out, the last one first. Finds none while another thread that does the same is about to put the
        /// others back; one that is stopped there keeps them.
        pub(crate) fn pop(&self) -> Option<T> {
            step();
            // Acquire: pairs with the exchange in `put`.
            let first = self.top.swap(null_mut(), Ordering::Acquire);
            if first.is_null() {
                return None;
            }
            // SAFETY: nobody else has the list since the swap, and each node came out of a box.
            let Node { value, next } = *unsafe { Box::from_raw(first) };
            if !next.is_null() {
                let mut last = next;
                // SAFETY: the list is this thread's.
                while let Some(node) = unsafe { last.as_ref() }.filter(|node| !node.next.is_null())
                {
                    last = node.next;
                }
                self.put(next, last);
            }
            self.len.fetch_sub(1, Ordering::Relaxed);
            Some(value)
        }
    }

    impl<T> Drop for Stack<T> {
        fn drop(&mut self) {
            while self.pop().is_some() {}
        }
    }
}

#[cfg(all(test, feature = "std", not(any(droves_loom, droves_shuttle))))]
mod tests {
    use std::thread;
    use std::vec::Vec;

    use super::{Stack, TryLock};

    #[test]
    fn promise_01_a_stack_gives_back_each_value_once() {
        const EACH: usize = 20_000;
        let stack = Stack::new();
        let mut taken: Vec<usize> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|id| {
                    let stack = &stack;
                    scope.spawn(move || {
                        let mut taken = Vec::new();
                        for number in 0..EACH {
                            stack.push(id * EACH + number);
                            if number % 4 != 0 {
                                taken.extend(stack.pop());
                            }
                        }
                        taken
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(stack.len(), 4 * EACH - taken.len());
        taken.extend(core::iter::from_fn(|| stack.pop()));
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..4 * EACH));
        assert!(stack.is_empty());
        assert_eq!(stack.len(), 0);
    }

    #[test]
    fn promise_04_who_finds_a_value_in_use_does_without() {
        let value = TryLock::new(1);
        let within = value.with(2, |value, added| {
            *value += added;
            *value
        });
        assert_eq!(within, Ok(3));
        let inner = value.with((), |_, ()| value.with("back", |_, _| ()));
        assert_eq!(inner, Ok(Err("back")));
        let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            value.with((), |_, ()| panic!("on purpose"))
        }));
        assert!(panicked.is_err());
        assert_eq!(value.with((), |value, ()| *value), Ok(3));
    }
}
