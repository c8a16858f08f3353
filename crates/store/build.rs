//! Rebuilds this room when a migration is added: `migrate!` reads the folder, which cargo does not watch.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
