//! `keyward-e2ee-bindgen WASM FOLDER`: writes the modules for node and for browsers, with their types, into `FOLDER/nodejs` and
//! `FOLDER/web`.

use std::path::Path;
use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wasm, folder] = arguments.as_slice() else {
        eprintln!("keyward-e2ee-bindgen WASM FOLDER");
        return ExitCode::FAILURE;
    };
    for target in ["nodejs", "web"] {
        let mut bindgen = Bindgen::new();
        bindgen
            .input_path(wasm)
            .out_name("keyward_e2ee")
            .typescript(true);
        let made = match target {
            "nodejs" => bindgen.nodejs(true),
            _ => bindgen.web(true),
        }
        .and_then(|bindgen| bindgen.generate(Path::new(folder).join(target)));
        if let Err(error) = made {
            eprintln!("{target}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
