//! Time in a browser.

use super::global_function;
use js_sys::Date;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tsugi_proto::Instant;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

/// Timers of browsers count in 31 bits; who wakes early looks at the clock and sleeps again.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The connection's clock. It is the wall's, since the other one stands still in some browsers while a laptop sleeps; when the
/// wall's clock is put back it goes on from there, so that nothing is ever due an hour late.
pub(crate) struct Clock {
    elapsed: Cell<f64>,
    seen: Cell<f64>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { elapsed: Cell::new(0.0), seen: Cell::new(Date::now()) }
    }

    pub(crate) fn now(&self) -> Instant {
        let now = Date::now();
        let passed = (now - self.seen.replace(now)).max(0.0);
        self.elapsed.set(self.elapsed.get() + passed);
        Instant::after_origin(Duration::try_from_secs_f64(self.elapsed.get() / 1000.0).unwrap_or_default())
    }

    pub(crate) async fn sleep_until(&self, at: Instant) {
        Sleep::new(at.since(self.now())).await;
    }
}

/// A timer of the browser's, taken back when it is dropped. No promise: one that is never kept would hold its memory for ever.
pub(super) struct Sleep {
    state: Rc<RefCell<State>>,
    timer: JsValue,
    /// Kept for as long as the browser may call it.
    _ring: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct State {
    rang: bool,
    waker: Option<Waker>,
}

impl Sleep {
    pub(super) fn new(wait: Duration) -> Self {
        let state = Rc::<RefCell<State>>::default();
        let ring = Closure::<dyn FnMut()>::new({
            let state = Rc::clone(&state);
            move || {
                let mut state = state.borrow_mut();
                state.rang = true;
                let waker = state.waker.take();
                drop(state);
                waker.iter().for_each(Waker::wake_by_ref);
            }
        });
        let millis = (wait.min(LONGEST).as_secs_f64() * 1000.0).ceil();
        let set = global_function("setTimeout");
        let timer = set.and_then(|set| set.call2(&JsValue::NULL, ring.as_ref(), &millis.into())).unwrap_or_default();
        Self { state, timer, _ring: ring }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.rang {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Ok(clear) = global_function("clearTimeout") {
            let _ = clear.call1(&JsValue::NULL, &self.timer);
        }
    }
}
