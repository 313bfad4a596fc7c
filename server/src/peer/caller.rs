//! A peer as what handlers see of it: whose events these are, and where their answers go.

use super::Peer;
use crate::handler::{Caller, Context};
use crate::outbox::Taken;
use crate::reply::{Answerer, Failure, Gone, Reply, Written};
use std::sync::Arc;
use tsugi_proto::codec::Codec;
use tsugi_proto::session::Item;
use tsugi_proto::{Framing, Value};

impl Answerer for Peer {
    fn answer(self: Arc<Self>, slot: &Value, item: Option<&Taken>, reply: Reply) -> Result<(), Gone> {
        let payload = match reply {
            Reply::None => return Ok(()),
            Reply::Written(Written(frame)) => return self.deliver(item, Item::Message(frame)),
            Reply::Value(value) => value,
            Reply::Failure(failure) => failure.to_value(),
        };
        let written = self.kit().write(&payload, slot).or_else(|error| {
            tracing::error!(target: "tsugi", %error, "a reply could not be written");
            let failure = Failure::new(Failure::FAILED, "the reply could not be written");
            self.kit().write(&failure.to_value(), slot)
        });
        self.deliver(item, written.map_err(|_| Gone)?)
    }
}

impl Peer {
    /// What is no item of an outbox is answered in this session only.
    fn deliver(self: &Arc<Self>, taken: Option<&Taken>, reply: Item) -> Result<(), Gone> {
        match (taken, reply) {
            (Some(taken), Item::Message(frame)) => {
                taken.answer(frame);
                Ok(())
            }
            (_, reply) => self.send(reply).map_err(|_| Gone),
        }
    }
}

impl Caller for Peer {
    fn context(&self) -> &Context {
        &self.context
    }

    fn codec(&self) -> &dyn Codec {
        &*self.kit().codec
    }

    fn is_plain(&self) -> bool {
        self.kit().framing == Framing::Plain
    }
}
