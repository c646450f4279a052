//! A minimal proxy-wasm host (ABI 0.2.1) in an interpreter, with the functions that a request to the gate
//! needs. It has no foreign functions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use wasmi::{Caller, Engine, Instance, Linker, Module, Store};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;

const ROOT: u32 = 1;

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The gate let it continue with this plan.
    Admitted { plan: String },
    /// The gate responded to it.
    Refused { status: u32, code: String },
}

/// The state of the host.
#[derive(Default)]
struct State {
    document: Vec<u8>,
    environment: Vec<u8>,
    variables: u32,
    request: Vec<(String, String)>,
    set_headers: BTreeMap<String, String>,
    response: Option<(u32, String)>,
    shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    foreign_calls: BTreeSet<String>,
}

/// A VM with one configured filter.
pub struct BareHost {
    store: Store<State>,
    instance: Instance,
    requests: u32,
}

impl BareHost {
    /// Loads a module and configures it.
    ///
    /// # Panics
    /// If the module rejects the document.
    pub fn start(module: &Path, document: &str, environment: &[(&str, &str)]) -> BareHost {
        let engine = Engine::default();
        let bytes = std::fs::read(module).expect("a module");
        let module = Module::new(&engine, &bytes).expect("WebAssembly");
        let environment: Vec<String> =
            environment.iter().map(|(name, value)| format!("{name}={value}\0")).collect();
        let state = State {
            document: document.as_bytes().to_vec(),
            variables: u32::try_from(environment.len()).expect("few"),
            environment: environment.concat().into_bytes(),
            ..State::default()
        };
        let mut store = Store::new(&engine, state);
        let instance =
            linker(&engine).instantiate_and_start(&mut store, &module).expect("the host has all imports");
        let mut host = BareHost { store, instance, requests: ROOT };
        host.call::<(), ()>("_initialize", ());
        host.call::<(u32, u32), ()>("proxy_on_context_create", (ROOT, 0));
        let size = u32::try_from(document.len()).expect("a short document");
        assert_eq!(
            host.call::<(u32, u32), u32>("proxy_on_configure", (ROOT, size)),
            1,
            "the module rejects the document"
        );
        host
    }

    /// Sends a request with a token.
    pub fn request(&mut self, path: &str, token: &str) -> Decision {
        self.requests += 1;
        let fields = [
            (":method", "GET"),
            (":authority", "api.example.com"),
            (":path", path),
            ("authorization", &format!("Bearer {token}")),
        ];
        let state = self.store.data_mut();
        state.request = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        state.set_headers.clear();
        state.response = None;
        let context = self.requests;
        self.call::<(u32, u32), ()>("proxy_on_context_create", (context, ROOT));
        let flow = self.call::<(u32, u32, u32), u32>("proxy_on_request_headers", (context, 4, 1));
        self.call::<u32, ()>("proxy_on_delete", context);
        let state = self.store.data();
        match &state.response {
            Some((status, code)) => Decision::Refused { status: *status, code: code.clone() },
            None => {
                assert_eq!(flow, 0, "the request was paused without a response");
                Decision::Admitted {
                    plan: state.set_headers.get("x-tollgate-plan").cloned().unwrap_or_default(),
                }
            }
        }
    }

    /// Returns the foreign functions that the module has called.
    pub fn foreign_functions_called(&self) -> &BTreeSet<String> {
        &self.store.data().foreign_calls
    }

    fn call<Parameters: wasmi::WasmParams, Results: wasmi::WasmResults>(
        &mut self,
        name: &str,
        parameters: Parameters,
    ) -> Results {
        let function = self.instance.get_typed_func::<Parameters, Results>(&self.store, name);
        let function = function.unwrap_or_else(|e| panic!("{name}: {e}"));
        function.call(&mut self.store, parameters).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

type Guest<'a> = Caller<'a, State>;

fn read(guest: &Guest<'_>, at: u32, size: u32) -> Vec<u8> {
    let memory = guest.get_export("memory").and_then(wasmi::Extern::into_memory).expect("a memory");
    let mut bytes = vec![0; size as usize];
    memory.read(guest, at as usize, &mut bytes).expect("an address inside the memory");
    bytes
}

fn write(guest: &mut Guest<'_>, at: u32, bytes: &[u8]) {
    let memory = guest.get_export("memory").and_then(wasmi::Extern::into_memory).expect("a memory");
    memory.write(guest, at as usize, bytes).expect("an address inside the memory");
}

fn write_u32(guest: &mut Guest<'_>, at: u32, number: u32) {
    write(guest, at, &number.to_le_bytes());
}

/// Returns bytes in memory that the module allocates. Writes address and size to the two out-pointers.
fn return_bytes(guest: &mut Guest<'_>, bytes: &[u8], data: u32, size: u32) -> u32 {
    let allocate = guest.get_export("proxy_on_memory_allocate").and_then(wasmi::Extern::into_func);
    let allocate = allocate.expect("an allocator").typed::<u32, u32>(&*guest).expect("of that type");
    let length = u32::try_from(bytes.len()).expect("few bytes");
    let at = allocate.call(&mut *guest, length).expect("it allocates");
    write(guest, at, bytes);
    write_u32(guest, data, at);
    write_u32(guest, size, length);
    OK
}

/// Encodes a header map: the number of fields, all lengths, then all texts with a zero after each.
fn encode_pairs(fields: &[(String, String)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).expect("few").to_le_bytes();
    let mut bytes = number(fields.len()).to_vec();
    for (name, value) in fields {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for (name, value) in fields {
        bytes.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    bytes
}

fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::new(engine);
    requests(&mut linker).and_then(|()| shared_data(&mut linker)).expect("each function is defined once");
    environment(&mut linker).and_then(|()| unused(&mut linker)).expect("each function is defined once");
    linker
}

type Linked = Result<(), wasmi::errors::LinkerError>;

fn requests(linker: &mut Linker<State>) -> Linked {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut guest: Guest<'_>, _: u32, data: u32, size: u32| {
            let fields = encode_pairs(&guest.data().request);
            return_bytes(&mut guest, &fields, data, size)
        },
    )?;
    for function in ["proxy_add_header_map_value", "proxy_replace_header_map_value"] {
        linker.func_wrap(
            "env",
            function,
            |mut guest: Guest<'_>, _: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
                let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
                let (name, value) =
                    (text(read(&guest, name, name_size)), text(read(&guest, value, value_size)));
                guest.data_mut().set_headers.insert(name, value);
                OK
            },
        )?;
    }
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut guest: Guest<'_>,
         status: u32,
         details: u32,
         size: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: i32| {
            let details = String::from_utf8(read(&guest, details, size)).expect("UTF-8");
            guest.data_mut().response = Some((status, details));
            OK
        },
    )?;
    linker.func_wrap("env", "proxy_get_property", |_: u32, _: u32, _: u32, _: u32| NOT_FOUND)?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut guest: Guest<'_>, name: u32, size: u32, _: u32, _: u32, _: u32, _: u32| {
            let name = String::from_utf8(read(&guest, name, size)).expect("UTF-8");
            guest.data_mut().foreign_calls.insert(name);
            NOT_FOUND
        },
    )?;
    Ok(())
}

fn shared_data(linker: &mut Linker<State>) -> Linked {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut guest: Guest<'_>, key: u32, key_size: u32, data: u32, size: u32, version: u32| {
            let key = read(&guest, key, key_size);
            let Some((value, present)) = guest.data().shared.get(&key).cloned() else { return NOT_FOUND };
            write_u32(&mut guest, version, present);
            return_bytes(&mut guest, &value, data, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut guest: Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, version: u32| {
            let (key, value) = (read(&guest, key, key_size), read(&guest, value, value_size));
            let present = guest.data().shared.get(&key).map(|(_, version)| *version);
            if present.is_some_and(|present| version != 0 && version != present) {
                return CAS_MISMATCH;
            }
            guest.data_mut().shared.insert(key, (value, present.unwrap_or_default() + 1));
            OK
        },
    )?;
    Ok(())
}

fn environment(linker: &mut Linker<State>) -> Linked {
    const WASI: &str = "wasi_snapshot_preview1";
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut guest: Guest<'_>, _: u32, _: u32, _: u32, data: u32, size: u32| {
            let document = guest.data().document.clone();
            return_bytes(&mut guest, &document, data, size)
        },
    )?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut guest: Guest<'_>, at: u32| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        write(&mut guest, at, &u64::try_from(now).expect("before 2554").to_le_bytes());
        OK
    })?;
    linker.func_wrap("env", "proxy_log", |guest: Guest<'_>, _: u32, message: u32, size: u32| {
        eprintln!("{}", String::from_utf8_lossy(&read(&guest, message, size)));
        OK
    })?;
    linker.func_wrap(WASI, "random_get", |mut guest: Guest<'_>, at: u32, size: u32| {
        write(&mut guest, at, &vec![7; size as usize]);
        OK
    })?;
    linker.func_wrap(WASI, "environ_sizes_get", |mut guest: Guest<'_>, count: u32, size: u32| {
        let (variables, bytes) = (guest.data().variables, guest.data().environment.len());
        write_u32(&mut guest, count, variables);
        write_u32(&mut guest, size, u32::try_from(bytes).expect("few"));
        OK
    })?;
    linker.func_wrap(WASI, "environ_get", |mut guest: Guest<'_>, mut pointers: u32, buffer: u32| {
        let environment = guest.data().environment.clone();
        write(&mut guest, buffer, &environment);
        let mut at = buffer;
        for variable in environment.split_inclusive(|byte| *byte == 0) {
            write_u32(&mut guest, pointers, at);
            at += u32::try_from(variable.len()).expect("few");
            pointers += 4;
        }
        OK
    })?;
    Ok(())
}

/// Functions that a request without callouts does not need, and metrics.
fn unused(linker: &mut Linker<State>) -> Linked {
    const WASI: &str = "wasi_snapshot_preview1";
    linker.func_wrap("env", "proxy_set_effective_context", |_: u32| OK)?;
    linker.func_wrap("env", "proxy_set_property", |_: u32, _: u32, _: u32, _: u32| OK)?;
    linker.func_wrap("env", "proxy_continue_stream", |_: u32| OK)?;
    linker.func_wrap("env", "proxy_remove_header_map_value", |_: u32, _: u32, _: u32| OK)?;
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut guest: Guest<'_>, _: u32, _: u32, _: u32, id: u32| {
            write_u32(&mut guest, id, 1);
            OK
        },
    )?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |_: u32| OK)?;
    linker.func_wrap("env", "proxy_increment_metric", |_: u32, _: i64| OK)?;
    linker.func_wrap("env", "proxy_record_metric", |_: u32, _: i64| OK)?;
    linker.func_wrap("env", "proxy_get_status", |_: u32, _: u32, _: u32| NOT_FOUND)?;
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| NOT_FOUND,
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
            NOT_FOUND
        },
    )?;
    linker.func_wrap(WASI, "fd_write", |_: u32, _: u32, _: u32, _: u32| OK)?;
    linker.func_wrap(WASI, "proc_exit", |_: u32| -> Result<(), wasmi::Error> {
        Err(wasmi::Error::new("the module called proc_exit"))
    })?;
    Ok(())
}
