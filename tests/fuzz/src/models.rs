//! Lists of models.

use switchyard_wire::models::{model_entry, model_ids, model_list};

use crate::choices::Choices;
use crate::json::assert_json;

/// The ids that are read can be written and read again.
pub fn run(choices: &Choices, data: &[u8]) {
    let Some(ids) = model_ids(data) else { return };
    let list = model_list(choices.caller(), &ids);
    assert_json(&list, "a model list");
    assert_eq!(model_ids(&list), Some(ids.clone()), "what is written can be read");
    for id in ids.iter().take(3) {
        assert_json(&model_entry(choices.caller(), id), "a model");
    }
}
