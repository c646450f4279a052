//! Signatures verified by Envoy itself: the foreign function `verify_signature`, native code instead of Wasm.
//!
//! Its arguments and its result are protobuf messages:
//! source/extensions/common/wasm/ext/verify_signature.proto.

use crate::abi;
use tollgate_core::machine::Verification;
use tollgate_core::protobuf;

const FUNCTION: &[u8] = b"verify_signature";
const HASH_FUNCTION: &[u8] = b"sha256";
/// Field 1, `result`, with the value true. A false one is left out of the message.
const VALID: &[u8] = &[0x08, 0x01];

/// Verifies an RSASSA-PKCS1-v1_5 signature with SHA-256.
///
/// If the host fails, the result is that it cannot verify signatures: then Wasm code verifies them, they are
/// never skipped.
pub(crate) fn verify(public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification {
    let fields = [(1, HASH_FUNCTION), (2, public_key), (3, signature), (4, text)];
    let mut arguments =
        Vec::with_capacity(fields.iter().map(|(_, bytes)| protobuf::field_bytes_max(bytes)).sum());
    for (number, bytes) in fields {
        protobuf::push_field(&mut arguments, number, bytes);
    }
    match abi::call_foreign_function(FUNCTION, &arguments) {
        Ok(result) if result.starts_with(VALID) => Verification::Valid,
        Ok(_) => Verification::Invalid,
        Err(_) => Verification::Unsupported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{Status, scripted};

    #[test]
    fn the_arguments_are_the_protobuf_message_that_envoy_expects() {
        scripted::reset();
        scripted::with(|host| host.signature = Some(Ok(VALID.to_vec())));
        assert_eq!(verify(b"key", b"sig", &[b't'; 300]), Verification::Valid);
        let arguments = scripted::with(|host| host.foreign_arguments.clone());
        let mut want = b"\x0a\x06sha256\x12\x03key\x1a\x03sig\x22\xac\x02".to_vec();
        want.extend([b't'; 300]);
        assert_eq!(arguments, want);
    }

    #[test]
    fn only_true_is_valid_and_a_failing_host_cannot_verify() {
        let error = b"\x12\x05wrong".to_vec();
        let cases = [
            ("valid", Ok(VALID.to_vec()), Verification::Valid),
            ("a false result is left out, only the error is there", Ok(error), Verification::Invalid),
            ("an empty message is all defaults: false", Ok(Vec::new()), Verification::Invalid),
            ("explicit", Ok(vec![0x08, 0x00]), Verification::Invalid),
            ("truncated", Ok(vec![0x08]), Verification::Invalid),
            ("no such function", Err(Status::NOT_FOUND), Verification::Unsupported),
            ("a status without a name", Err(Status(77)), Verification::Unsupported),
        ];
        for (why, response, want) in cases {
            scripted::reset();
            scripted::with(|host| host.signature = Some(response));
            assert_eq!(verify(b"k", b"s", b"t"), want, "{why}");
        }
    }
}
