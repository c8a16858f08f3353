# A desktop session of its own for one command: a fresh home, and an unlocked keychain on the session bus.
# Usage: dbus-run-session -- bash session.sh COMMAND...
# Nothing in it reads or writes the user's own home, keychain or settings; all of it is gone afterwards.
set -euo pipefail

# A changed HOME hides cargo's and rustup's folders from their own shims.
export CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"

session=$(mktemp -d)
keychain=
leave() {
  if [ -n "$keychain" ]; then kill "$keychain" 2>/dev/null || true; wait "$keychain" 2>/dev/null || true; fi
  rm -rf "$session"
}
trap leave EXIT

export HOME="$session/home" XDG_RUNTIME_DIR="$session/run"
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME
mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"

# The newline matters: an empty password makes no collection to store anything in.
printf 'test\n' | gnome-keyring-daemon --unlock --components=secrets --foreground >"$session/keychain.log" 2>&1 &
keychain=$!

has_keychain() {
  dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
    org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q 'boolean true'
}
for _ in $(seq 100); do
  if has_keychain; then break; fi
  sleep 0.1
done
if ! has_keychain; then
  echo "error: no secret service came up on the session bus within 10 s:" >&2
  cat "$session/keychain.log" >&2
  exit 1
fi

# Tells the tests that the keychain is real: one that cannot reach it must fail, not skip.
export SWITCHYARD_TEST_KEYCHAIN=1
"$@"
