//! What the process asks of the system before it works in little memory.

/// Starts the program anew, as the same process, with an allocator that gives memory back. Does nothing
/// if that has been done, if somebody has set the allocator up, and where it is not glibc's.
///
/// By itself it has up to eight heaps a core, and keeps what is freed in them. A sort of five million rows
/// by a long text, limited to 64 MiB, held 73 MB and took 137 MiB; so it takes 76 MiB, and no more
/// time. A running program could set this up by unsafe code only, and the other allocators that were tried
/// kept as much or made other queries slower.
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
        // It returns only if the program cannot be started. Then this one goes on as it is.
        let _ = Command::new(program).arg0(name).args(args).envs(SETTINGS).exec();
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_memory() {}

/// Allows as many open files as the system lets us. A sort may have hundreds of temporary ones, and
/// macOS begins with 256.
pub fn open_many_files() {
    // With fewer it may still do, and else the error says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}
