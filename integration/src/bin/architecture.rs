//! Prints docs/architecture.md.
fn main() {
    print!("{}", integration::architecture::document());
}
