//! Writes the linker's map of the emulated board's memory.

use std::{env, fs, path::PathBuf};

fn main() {
    let memory = match env::var("TARGET").unwrap().as_str() {
        // QEMU's lm3s6965evb
        "thumbv7m-none-eabi" => {
            "FLASH : ORIGIN = 0x00000000, LENGTH = 256K\nRAM : ORIGIN = 0x20000000, LENGTH = 64K"
        }
        // QEMU's microbit
        "thumbv6m-none-eabi" => {
            "FLASH : ORIGIN = 0x00000000, LENGTH = 256K\nRAM : ORIGIN = 0x20000000, LENGTH = 16K"
        }
        other => panic!("no board for {other}"),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    fs::write(out.join("memory.x"), format!("MEMORY {{\n{memory}\n}}\n")).unwrap();
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed=build.rs");
}
