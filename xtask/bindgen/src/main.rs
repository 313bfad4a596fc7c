//! `xtask-bindgen FILE.wasm FOLDER keep|drop`: makes `page_bg.wasm` and `page.js` for a page, and keeps or drops the names of its
//! functions, which only who looks for a mistake reads. `cargo xtask wasm` calls it.

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, folder, names] = arguments.as_slice() else {
        eprintln!("xtask-bindgen FILE.wasm FOLDER keep|drop");
        return ExitCode::FAILURE;
    };
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(input)
        .out_name("page")
        .remove_name_section(names == "drop")
        .typescript(false)
        .omit_default_module_path(false);
    let made = bindgen.web(true).and_then(|bindgen| bindgen.generate(folder));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}
