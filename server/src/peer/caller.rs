//! A peer as what handlers see of it: whose events these are, and where their answers go.

use super::Peer;
use crate::handler::{Caller, Context};
use crate::outbox::Taken;
use crate::reply::{Answerer, Failure, Gone};
use std::sync::Arc;
use tsugi_proto::Value;
use tsugi_proto::codec::{Codec, EncodeError};

impl Answerer for Peer {
    /// What is no item of an outbox is answered in this session only.
    fn answer(self: Arc<Self>, slot: &Value, item: Option<&Taken>, reply: Result<Value, Failure>) -> Result<(), Gone> {
        let Some(taken) = item else {
            let item = write_reply(reply, |payload| self.kit().write(payload, slot))?;
            return self.send(item).map_err(|_| Gone);
        };
        taken.answer(write_reply(reply, |payload| self.kit().codec.encode_frame(payload, slot))?);
        Ok(())
    }
}

impl Caller for Peer {
    fn context(&self) -> &Context {
        &self.context
    }

    fn codec(&self) -> &dyn Codec {
        &*self.kit().codec
    }
}

/// Writes a reply, or that it could not be written.
fn write_reply<T>(reply: Result<Value, Failure>, write: impl Fn(&Value) -> Result<T, EncodeError>) -> Result<T, Gone> {
    let written = write(&reply.unwrap_or_else(|failure| failure.to_value())).or_else(|error| {
        tracing::error!(target: "tsugi", %error, "a reply could not be written");
        write(&Failure::new(Failure::FAILED, "the reply could not be written").to_value())
    });
    written.map_err(|_| Gone)
}
