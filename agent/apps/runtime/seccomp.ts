/**
 * Which system calls an app may make. What stands nowhere here is answered ENOSYS, as an older kernel would, so that a C
 * library falls back; what is refused on purpose is answered EPERM. Beside podman's own profile this one takes away:
 * new namespaces (in a user namespace of its own an app has every capability, and half of the kernel's holes begin
 * there), mounts, ptrace and reading another process's memory, the kernel's keyrings, bpf and perf, io_uring and
 * userfaultfd (the stuff of which exploits are made), chroot, and sockets of any family but unix, IP and route netlink.
 */

interface Rule {
  names: string[];
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ' }[];
}

const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET, clone(2). */
const newNamespaces = 0x7e02_0000;
const [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK] = [1, 2, 10, 16];

const words = (text: string): string[] => text.trim().split(/\s+/);

const files = words(`
  access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
  fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr
  fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init
  inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr
  lstat mkdir mkdirat mknod mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
  readahead readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs
  statx symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes write
  writev`);

const waiting = words(`
  epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 io_cancel io_destroy
  io_getevents io_setup io_submit pipe pipe2 poll ppoll pselect6 select signalfd signalfd4 timerfd_create
  timerfd_gettime timerfd_settime`);

const memory = words(`
  brk get_mempolicy madvise mbind membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap msync
  munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect set_mempolicy`);

const processes = words(`
  alarm capget capset execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake
  get_robust_list getcpu getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority getresgid
  getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill landlock_add_rule
  landlock_create_ruleset landlock_restrict_self nanosleep pause pidfd_open pidfd_send_signal prctl prlimit64
  process_mrelease restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
  rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
  sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
  sched_setscheduler sched_yield seccomp set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setitimer
  setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid sigaltstack sysinfo tgkill times
  tkill uname vfork wait4 waitid`);

const time = words(`
  adjtimex clock_adjtime clock_getres clock_gettime clock_nanosleep gettimeofday time timer_create timer_delete
  timer_getoverrun timer_gettime timer_settime`);

const talking = words(`
  accept accept4 bind connect getpeername getrandom getsockname getsockopt listen mq_getsetattr mq_notify mq_open
  mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd recvfrom recvmmsg recvmsg semctl semget semop
  semtimedop sendmmsg sendmsg sendto setsockopt shmat shmctl shmdt shmget shutdown socketpair`);

/** By the processor: thread-local storage on x86, caches on ARM. */
const processor = words('arch_prctl cacheflush set_tls sync_file_range2');

/** Told apart from the unknown ones, so that an app that tries hears a no and not "this kernel is too old". */
const refused = words(`
  acct add_key bpf chroot delete_module fanotify_init fanotify_mark finit_module fsconfig fsmount fsopen fspick
  init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl
  lookup_dcookie modify_ldt mount mount_setattr move_mount name_to_handle_at open_by_handle_at open_tree perf_event_open
  pidfd_getfd pivot_root process_madvise process_vm_readv process_vm_writev ptrace quotactl quotactl_fd reboot
  request_key setdomainname sethostname setns settimeofday clock_settime swapoff swapon syslog umount umount2 unshare
  userfaultfd vhangup vmsplice`);

const allow = (names: string[], args?: Rule['args']): Rule => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  ...(args ? { args } : {}),
});
const socketOf = (family: number): Rule => allow(['socket'], [{ index: 0, value: family, op: 'SCMP_CMP_EQ' }]);

const rules: Rule[] = [
  allow([...files, ...waiting, ...memory, ...processes, ...time, ...talking, ...processor]),
  allow(['clone'], [{ index: 0, value: newNamespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]),
  // The flags of clone3 are behind a pointer, which a filter cannot follow: with ENOSYS a C library takes clone.
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ...[AF_UNIX, AF_INET, AF_INET6].map(socketOf),
  // Programs list their interfaces with it; protocol 0 is NETLINK_ROUTE.
  allow(
    ['socket'],
    [
      { index: 0, value: AF_NETLINK, op: 'SCMP_CMP_EQ' },
      { index: 2, value: 0, op: 'SCMP_CMP_EQ' },
    ],
  ),
  // A native Linux program and the question which it is; nothing that switches protections off.
  ...[0, 0xffff_ffff].map((value) => allow(['personality'], [{ index: 0, value, op: 'SCMP_CMP_EQ' }])),
  { names: refused, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
];

/** As containers-common writes it; no foreign architecture, so that the 32-bit calls of a processor are closed. */
export const seccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: ENOSYS,
  architectures: [],
  syscalls: rules,
} as const;
