//! The resources of the machine.

use std::fs;
use std::path::Path;

/// Returns the number of bytes of memory that this process can use: the machine's, or the limit
/// that the control groups of a container or a service set. `None` if the system does not report
/// it; Linux does.
pub(crate) fn memory() -> Option<usize> {
    memory_under(Path::new("/"))
}

fn memory_under(root: &Path) -> Option<usize> {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let total = read("proc/meminfo")?.lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?;
        kib.parse::<usize>().ok()?.checked_mul(1024)
    })?;
    // `0::/path` in version 2, `4:memory:/path` in version 1. A group's limit also applies to its
    // descendants.
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(|line| {
        let (_, group) = line.split_once(':')?;
        let (controllers, path) = group.split_once(':')?;
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let mount = root.join(mount);
        let group = mount.join(path.trim_start_matches('/'));
        let above = group.ancestors().take_while(|directory| directory.starts_with(&mount));
        // A group without a limit has `max`, or a number larger than any memory.
        let limits = above.filter_map(|group| {
            fs::read_to_string(group.join(file)).ok()?.trim().parse::<usize>().ok()
        });
        limits.min()
    });
    limits.chain([total]).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_cgroup_limit_applies() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let memory = || memory_under(root.path());
        assert_eq!(memory(), None);
        write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:  1 kB\n");
        assert_eq!(memory(), Some(16_000_000 << 10));

        write("proc/self/cgroup", "0::/a.slice/b.service\n");
        write("sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
        assert_eq!(memory(), Some(16_000_000 << 10));
        write("sys/fs/cgroup/a.slice/memory.max", "3000000\n");
        assert_eq!(memory(), Some(3_000_000));
        write("sys/fs/cgroup/a.slice/b.service/memory.max", "2000000\n");
        assert_eq!(memory(), Some(2_000_000));

        write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/1\n1:name=systemd:/\n0::/\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(memory(), Some(16_000_000 << 10));
        write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "1000000\n");
        assert_eq!(memory(), Some(1_000_000));
    }
}
