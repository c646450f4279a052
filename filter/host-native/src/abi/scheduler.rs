//! Schedulers, which make Envoy call a hook in another thread.

use super::raw::{self, FilterConfig, RawConfigScheduler, RawStreamScheduler, Stream};

/// Wakes one stream in its worker thread.
#[derive(Debug)]
pub(crate) struct StreamScheduler(RawStreamScheduler);

// SAFETY: Envoy allows commit and delete from any thread, also after the stream's end.
unsafe impl Send for StreamScheduler {}

impl StreamScheduler {
    /// Returns the scheduler of a stream that lives.
    pub(crate) fn new(stream: Stream) -> Self {
        // SAFETY: `stream` lives.
        StreamScheduler(unsafe { raw::envoy_dynamic_module_callback_http_filter_scheduler_new(stream) })
    }

    /// Returns a scheduler without a stream, for unit tests.
    #[cfg(test)]
    pub(crate) fn unconnected() -> Self {
        StreamScheduler(RawStreamScheduler(std::ptr::null_mut()))
    }

    /// Makes Envoy call the stream's hook in its thread, unless the stream has ended.
    pub(crate) fn wake(&self) {
        // SAFETY: the scheduler was not deleted.
        unsafe { raw::envoy_dynamic_module_callback_http_filter_scheduler_commit(self.0, 0) }
    }
}

impl Drop for StreamScheduler {
    fn drop(&mut self) {
        // SAFETY: it is deleted once.
        unsafe { raw::envoy_dynamic_module_callback_http_filter_scheduler_delete(self.0) }
    }
}

/// Makes Envoy call a hook of a filter's configuration in the main thread.
#[derive(Debug)]
pub(crate) struct ConfigScheduler(RawConfigScheduler);

// SAFETY: Envoy allows commit and delete from any thread, also after the configuration's end.
unsafe impl Send for ConfigScheduler {}
// SAFETY: as above; a commit does not change the scheduler.
unsafe impl Sync for ConfigScheduler {}

impl ConfigScheduler {
    /// Returns the scheduler of the configuration of the running hook.
    pub(crate) fn new(config: FilterConfig) -> Self {
        // SAFETY: `config` is the one of the running hook.
        ConfigScheduler(unsafe {
            raw::envoy_dynamic_module_callback_http_filter_config_scheduler_new(config)
        })
    }

    /// Makes Envoy call the hook, unless the configuration has ended.
    pub(crate) fn wake(&self) {
        // SAFETY: the scheduler was not deleted.
        unsafe { raw::envoy_dynamic_module_callback_http_filter_config_scheduler_commit(self.0, 0) }
    }
}

impl Drop for ConfigScheduler {
    fn drop(&mut self) {
        // SAFETY: it is deleted once.
        unsafe { raw::envoy_dynamic_module_callback_http_filter_config_scheduler_delete(self.0) }
    }
}
