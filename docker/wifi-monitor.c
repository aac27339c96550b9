// The command `wifi-monitor` inside the image: starts node with the right to capture, as far as the container grants it.
//
// This file, not node, has CAP_NET_RAW as a file capability, and hands it on as an ambient one (capabilities(7)). With the
// capability on node itself, node could not even start where a container is denied NET_RAW, though a replay needs no
// capability; and it would ignore NODE_EXTRA_CA_CERTS and NODE_OPTIONS, as a program with file capabilities does.
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// What is refused here is no failure: the commands that capture say themselves when they are not permitted to.
static void keep_net_raw(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  if (syscall(SYS_capget, &header, sets) != 0) return;
  // An ambient capability has to be permitted and inheritable.
  sets[0].inheritable |= sets[0].permitted & (1u << CAP_NET_RAW);
  if (syscall(SYS_capset, &header, sets) == 0) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

// A core dump would hold what is in memory: devices, names, secrets.
static void dump_no_core(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char **argv) {
  char *arguments[argc + 2];
  arguments[0] = "node";
  arguments[1] = "/app/dist/src/cli.js";
  for (int i = 1; i <= argc; i++) arguments[i + 1] = argv[i];
  dump_no_core();
  keep_net_raw();
  execv("/usr/local/bin/node", arguments);
  perror("wifi-monitor: cannot start /usr/local/bin/node");
  return 127;
}
