//! Settings of the process for commands that limit their memory.

/// Restarts the program in the same process with an allocator that returns memory to the system. Does
/// nothing after the restart, if the user has configured the allocator, or if it is not that of glibc.
///
/// By default, glibc uses up to eight heaps per core and keeps what is freed in them. A sort of five
/// million rows by a long text, limited to 64 MiB, held 73 MB and took 137 MiB; with this setting it
/// takes 76 MiB and no more time. A running program could set this only with unsafe code. The other
/// allocators that were tried kept as much memory or made other queries slower. Child
/// processes such as the pager inherit the setting.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_memory() {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    const SETTINGS: [(&str, &str); 2] =
        [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "65536")];

    if SETTINGS.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return;
    }
    let mut args = env::args_os();
    if let (Ok(program), Some(name)) = (env::current_exe(), args.next()) {
        // This returns only if the restart failed. Then the program continues without it.
        let _ = Command::new(program).arg0(name).args(args).envs(SETTINGS).exec();
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_memory() {}

/// Raises the limit on open files to the maximum. A sort can have hundreds of temporary files, and macOS
/// starts with 256.
pub fn open_many_files() {
    // If this fails, the default may suffice; otherwise the query reports it.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

/// The name of this machine; `localhost` if it has none.
#[cfg(unix)]
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// The name of this machine; `localhost` if it has none.
#[cfg(not(unix))]
pub fn host_name() -> String {
    let name = std::env::var("COMPUTERNAME").ok().filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "localhost".to_owned())
}
