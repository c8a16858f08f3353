//! Embeds the window's pages and configuration, and gives each of our commands a permission of its own: without
//! this list any page in the window could call any command.

fn main() {
    let commands = tauri_build::AppManifest::new().commands(&["control", "watch", "open_external"]);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands)) {
        println!("cargo::error={error:#}");
    }
}
