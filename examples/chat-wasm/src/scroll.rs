//! Where the messages are scrolled to, before something changes and after.

use web_sys::Element;
use yew::NodeRef;

/// Where the view goes after messages were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nowhere: something was appended below. Who sees the end goes on to see it.
    #[default]
    Place,
    /// Messages came in above: what was in sight stays there.
    FromEnd,
    End,
}

/// The part of the page that scrolls.
#[derive(Default)]
pub(crate) struct Scroll {
    pub(crate) node: NodeRef,
    was_at_end: bool,
    from_end: i32,
    keep: Keep,
}

impl Scroll {
    /// Before a change.
    pub(crate) fn look(&mut self) {
        let Some(scroll) = self.node.cast::<Element>() else { return };
        self.was_at_end = at_end(&scroll);
        self.from_end = scroll.scroll_height() - scroll.scroll_top();
    }

    /// Where to be after the next change.
    pub(crate) fn keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// After the change.
    pub(crate) fn settle(&mut self) {
        let Some(scroll) = self.node.cast::<Element>() else { return };
        match std::mem::take(&mut self.keep) {
            Keep::End => to_end(&scroll),
            _ if self.was_at_end => to_end(&scroll),
            Keep::FromEnd => scroll.set_scroll_top(scroll.scroll_height() - self.from_end),
            Keep::Place => {}
        }
    }

    /// Whether the last message was in sight before the change.
    pub(crate) fn was_at_end(&self) -> bool {
        self.was_at_end
    }

    /// Whether the last message is in sight, more or less.
    pub(crate) fn is_at_end(&self) -> bool {
        self.node.cast::<Element>().is_some_and(|scroll| at_end(&scroll))
    }

    pub(crate) fn is_near_top(&self) -> bool {
        self.node.cast::<Element>().is_some_and(|scroll| scroll.scroll_top() < 200)
    }
}

fn at_end(scroll: &Element) -> bool {
    scroll.scroll_height() - scroll.scroll_top() - scroll.client_height() < 80
}

fn to_end(scroll: &Element) {
    scroll.set_scroll_top(scroll.scroll_height());
}
