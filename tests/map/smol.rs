use droves::map::iter;
use droves::smol::{Smol, map};
use futures_lite::future::block_on;

use crate::contract::keeps_its_promises;
use crate::help::in_time;

#[test]
fn it_keeps_its_promises() {
    in_time(|| {
        block_on(async {
            keeps_its_promises(&Smol).await;
            let mut doing = map(2, iter(0..5), |n: u64| async move { n }).ordered();
            for n in 0..5 {
                assert_eq!(doing.next().await, Some(n));
            }
            assert_eq!(doing.next().await, None);
        });
    });
}
