//! Futures beside each other in one: they outlive the simulated runtime.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use droves::sim::Sim;

struct Bell {
    rung: AtomicBool,
    parent: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Relaxed);
        let parent = self.parent.lock().unwrap().clone();
        parent.into_iter().for_each(Waker::wake);
    }
}

type Member = (Pin<Box<dyn Future<Output = ()>>>, Arc<Bell>);

/// Done when all members are. Each poll polls one that is woken, as the seed chooses.
#[derive(Clone)]
pub struct Crowd {
    sim: Sim,
    members: Rc<RefCell<Vec<Member>>>,
}

impl Crowd {
    pub fn new(sim: &Sim) -> Self {
        Self { sim: sim.clone(), members: Rc::default() }
    }

    pub fn add(&self, member: impl Future<Output = ()> + 'static) {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), parent: Mutex::default() });
        self.members.borrow_mut().push((Box::pin(member), bell));
    }
}

impl Future for &Crowd {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let woken: Vec<usize> = {
            let members = self.members.borrow();
            for (_, bell) in members.iter() {
                *bell.parent.lock().unwrap() = Some(cx.waker().clone());
            }
            let rung = |(at, member): (usize, &Member)| {
                member.1.rung.load(Ordering::Relaxed).then_some(at)
            };
            members.iter().enumerate().filter_map(rung).collect()
        };
        if !woken.is_empty() {
            let at = woken[below(&self.sim, woken.len())];
            let (mut future, bell) = self.members.borrow_mut().swap_remove(at);
            bell.rung.store(false, Ordering::Relaxed);
            let waker = Waker::from(bell.clone());
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.members.borrow_mut().push((future, bell));
            }
            cx.waker().wake_by_ref();
        }
        if self.members.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

pub fn below(sim: &Sim, bound: usize) -> usize {
    usize::try_from(sim.random(bound as u64)).unwrap()
}
