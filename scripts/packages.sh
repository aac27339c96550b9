# Sourced by the other scripts: sees to what they need of the machine, and says what it installs.
# shellcheck shell=bash

# need PROBE=PACKAGE...: installs the Debian package of every PROBE (a command, or the path of a file) that is not there.
need() {
  local pair probe missing=()
  for pair in "$@"; do
    probe=${pair%%=*}
    if [[ $probe == /* ]]; then
      [[ -e $probe ]] || missing+=("${pair#*=}")
    else
      PATH=$PATH:/usr/sbin:/sbin type -P "$probe" >/dev/null || missing+=("${pair#*=}")
    fi
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)) || ! type -P apt-get >/dev/null; then
    echo "Missing: ${missing[*]} (names of Debian packages)." >&2
    echo "They can be installed here only by root with apt-get. Install them, then run this again." >&2
    exit 1
  fi
  echo "Installing ${missing[*]} ..."
  # RUNLEVEL=1 keeps a package such as redis-server from starting a service of the machine's.
  local apt=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq)
  { "${apt[@]}" update && "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"; } </dev/null >/dev/null || {
    echo "apt-get could not install: ${missing[*]}." >&2
    exit 1
  }
}

# What building the project takes: node_modules as package-lock.json has it, with libpcap's binding compiled.
need_node_modules() {
  local node_prefix
  if ! type -P node >/dev/null || ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
    echo "Node.js 20.19 or newer is needed (found: $(node --version 2>/dev/null || echo none))." >&2
    exit 1
  fi
  [[ package-lock.json -nt node_modules/.package-lock.json ]] || return 0
  need /usr/include/pcap.h=libpcap-dev g++=g++ make=make python3=python3
  echo "Installing node_modules ..."
  # node-gyp downloads Node's headers unless it is told that they lie beside Node.
  node_prefix=$(node -p 'path.resolve(process.execPath, "../..")')
  if [[ -e $node_prefix/include/node/node.h ]]; then export npm_config_nodedir=$node_prefix; fi
  npm ci --include=dev --no-audit --no-fund --loglevel=error
}
