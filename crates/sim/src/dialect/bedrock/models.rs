//! The listing of foundation models:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>.

use serde_json::{Value, json};

pub(crate) fn models(models: &[String]) -> Value {
    json!({ "modelSummaries": models.iter().map(|name| summary(name)).collect::<Vec<_>>() })
}

pub(crate) fn model(model: &str) -> Value {
    json!({ "modelDetails": summary(model) })
}

fn summary(model: &str) -> Value {
    // `eu.anthropic.claude-...`: before the vendor stands the region of an inference profile.
    let vendor =
        model.split('.').find(|part| !["us", "eu", "apac", "global"].contains(part)).unwrap_or(model);
    json!({
        "modelArn": format!("arn:aws:bedrock:us-east-1::foundation-model/{model}"),
        "modelId": model,
        "modelName": model,
        "providerName": vendor,
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": true,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND", "INFERENCE_PROFILE"],
        "modelLifecycle": { "status": "ACTIVE" },
    })
}
