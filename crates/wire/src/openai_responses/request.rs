//! Responses requests, read and written.

mod calls;
mod items;
mod native;
mod parts;
mod read;
mod tools;
mod write;
mod write_items;

pub(in crate::openai_responses) use calls::form as call_form;
pub(in crate::openai_responses) use items::joined;
pub(crate) use read::read;
pub(crate) use write::write;

#[cfg(test)]
mod tests;
