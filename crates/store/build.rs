//! Rebuilds this room when a migration is added: `migrate!` reads the folder, which cargo does not watch.

#[expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
