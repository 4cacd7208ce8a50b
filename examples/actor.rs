//! An actor: a task that owns its state and is asked by messages, each with a mailbox for the answer.
//!
//! ```sh
//! cargo run --features alloc --example actor
//! ```
//!
//! The same code runs on any executor; here it is the smallest there is.

use droves::mailbox::{Receiver, Sender, channel};
use futures_lite::future::{block_on, zip};

enum Request {
    Deposit(u64),
    Withdraw { amount: u64, answer: Sender<Result<u64, Refused>> },
}

#[derive(Debug, PartialEq)]
struct Refused {
    balance: u64,
}

/// The only one who touches the balance. Ends when nobody can ask any more.
async fn account(mut requests: Receiver<Request>) -> u64 {
    let mut balance = 0;
    while let Some(request) = requests.recv().await {
        match request {
            Request::Deposit(amount) => balance += amount,
            Request::Withdraw { amount, mut answer } => {
                let result = match balance.checked_sub(amount) {
                    Some(left) => {
                        balance = left;
                        Ok(left)
                    }
                    None => Err(Refused { balance }),
                };
                // Whoever asked may have gone; that is its own affair.
                let _ = answer.try_send(result);
            }
        }
    }
    balance
}

/// Asks the actor, and waits for its answer.
async fn withdraw(actor: &mut Sender<Request>, amount: u64) -> Result<u64, Refused> {
    let (answer, mut answered) = channel(1).expect("1 is a capacity");
    let request = Request::Withdraw { amount, answer };
    assert!(actor.send(request).await.is_ok(), "the actor outlives its clients");
    // The actor dropped the request unanswered, if it has ended meanwhile.
    answered.recv().await.expect("the actor answers")
}

async fn client(mut actor: Sender<Request>) {
    for amount in [30, 12] {
        assert!(
            actor.send(Request::Deposit(amount)).await.is_ok(),
            "the actor outlives its clients"
        );
    }
    println!("withdraw 40: {:?}", withdraw(&mut actor, 40).await);
    println!("withdraw 40: {:?}", withdraw(&mut actor, 40).await);
}

fn main() {
    let (actor, requests) = channel(4).expect("4 is a capacity");
    let (balance, ()) = block_on(zip(account(requests), client(actor)));
    println!("balance: {balance}");
}
