//! The shipped modules with a switch that crashes their VM, as an unknown defect would.
//!
//! The module is the built one with one added function: its `proxy_on_request_headers` traps for a request
//! with very many header fields, and calls the module's own function for any other.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module,
};
use wasmparser::{CodeSectionReader, Export, ExternalKind, FunctionSectionReader, Parser, Payload, TypeRef};

/// A request with more header fields than this crashes the VM. Envoy itself accepts a hundred.
pub const FIELDS_MAX: u32 = 80;

/// The callback with the switch.
const CALLBACK: &str = "proxy_on_request_headers";

/// Adds the switch to a module and writes the result into `dir`.
///
/// # Panics
/// If the file is not a module of a plugin.
pub fn installed(module: &Path, dir: &Path) -> PathBuf {
    let bytes = std::fs::read(module).unwrap_or_else(|e| panic!("{}: {e}", module.display()));
    let mut switch = Switch::find(&bytes);
    let mut with_switch = Module::new();
    switch.parse_core_module(&mut with_switch, Parser::new(0), &bytes).expect("a module");
    let file = dir.join(module.file_name().expect("a name"));
    std::fs::write(&file, with_switch.finish()).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    file
}

/// The indices of a module that the switch needs.
struct Switch {
    /// The function of the callback, and its type.
    callback: u32,
    callback_type: u32,
    /// The function that is added: the one after all others.
    added: u32,
}

impl Switch {
    fn find(module: &[u8]) -> Switch {
        let (mut imported, mut callback, mut types) = (0, None, Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.expect("a module") {
                Payload::ImportSection(section) => {
                    let imports = section.into_imports().map(|import| import.expect("an import"));
                    imported = imports.filter(|import| matches!(import.ty, TypeRef::Func(_))).count();
                }
                Payload::FunctionSection(section) => {
                    types = section.into_iter().map(|ty| ty.expect("a type")).collect();
                }
                Payload::ExportSection(section) => {
                    let mut exports = section.into_iter().map(|export| export.expect("an export"));
                    callback = exports.find(|export| export.name == CALLBACK).map(|export| export.index);
                }
                _ => {}
            }
        }
        let callback = callback.unwrap_or_else(|| panic!("the module has no {CALLBACK}"));
        let own = usize::try_from(callback).expect("an index") - imported;
        let added = u32::try_from(imported + types.len()).expect("an index");
        Switch { callback, callback_type: types[own], added }
    }

    /// Returns the function that traps, or calls the module's own.
    fn function(&self) -> Function {
        let mut function = Function::new([]);
        let fields_max = i32::try_from(FIELDS_MAX).expect("a small number");
        for instruction in [
            Instruction::LocalGet(1),
            Instruction::I32Const(fields_max),
            Instruction::I32GtU,
            Instruction::If(BlockType::Empty),
            Instruction::Unreachable,
            Instruction::End,
            Instruction::LocalGet(0),
            Instruction::LocalGet(1),
            Instruction::LocalGet(2),
            Instruction::Call(self.callback),
            Instruction::End,
        ] {
            function.instruction(&instruction);
        }
        function
    }
}

type CrashOutcome = Result<(), reencode::Error<Infallible>>;

impl Reencode for Switch {
    type Error = Infallible;

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> CrashOutcome {
        reencode::utils::parse_function_section(self, functions, section)?;
        functions.function(self.callback_type);
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export<'_>) -> CrashOutcome {
        if export.name == CALLBACK && export.kind == ExternalKind::Func {
            exports.export(CALLBACK, ExportKind::Func, self.added);
            return Ok(());
        }
        reencode::utils::parse_export(self, exports, export)
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> CrashOutcome {
        reencode::utils::parse_code_section(self, code, section)?;
        code.function(&self.function());
        Ok(())
    }
}
