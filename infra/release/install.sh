#!/bin/sh
# Installs Sluice from a release: the program, its completions and its manual pages. Checks what it fetched before it unpacks it.
#
#   curl --proto '=https' -sSfL https://github.com/OWNER/NAME/releases/latest/download/install.sh | sh
#   SLUICE_VERSION=0.1.0 SLUICE_PREFIX=/usr/local sh install.sh
#
# SLUICE_VERSION     which release [default: the latest]
# SLUICE_PREFIX      where to: PREFIX/bin, PREFIX/share [default: ~/.local]
# SLUICE_LIBC        gnu or musl, on Linux [default: gnu, and musl where there is no glibc of 2.34 or newer]
# SLUICE_REPOSITORY  owner/name on GitHub [default: where this file was released]
set -eu

repository=${SLUICE_REPOSITORY:-}
prefix=${SLUICE_PREFIX:-$HOME/.local}

die() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}
# Fetches an address into a file.
fetch() {
  if command -v curl >/dev/null; then
    curl --proto '=https' --fail --silent --show-error --location --output "$2" "$1"
  elif command -v wget >/dev/null; then
    wget --quiet --output-document "$2" "$1"
  else
    die "there is neither curl nor wget"
  fi
}
digest() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}
# Says whether this machine has glibc 2.34 or newer.
has_glibc() {
  minor=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc 2\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge 34 ]
}

[ -n "$repository" ] || die "set SLUICE_REPOSITORY to owner/name, or take this file from a release"
case $(uname -m) in
  x86_64 | amd64) processor=x86_64 ;;
  aarch64 | arm64) processor=aarch64 ;;
  *) die "there is no release for the processor $(uname -m); build it: cargo install --locked --path runtime/sluice" ;;
esac
case $(uname -s) in
  Linux)
    libc=${SLUICE_LIBC:-$(if has_glibc; then echo gnu; else echo musl; fi)}
    target=$processor-unknown-linux-$libc
    ;;
  Darwin) target=$processor-apple-darwin ;;
  *) die "there is no release for $(uname -s); build it: cargo install --locked --path runtime/sluice" ;;
esac

if [ -n "${SLUICE_VERSION:-}" ]; then
  from=https://github.com/$repository/releases/download/v${SLUICE_VERSION#v}
else
  from=https://github.com/$repository/releases/latest/download
fi
name=sluice-$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch "$from/SHA256SUMS" "$work/SHA256SUMS" || die "there is no such release at $from"
fetch "$from/$name.tar.gz" "$work/$name.tar.gz" || die "the release at $from has no $name.tar.gz"
wanted=$(sed -n "s/^\([0-9a-f]*\) [ *]$name\.tar\.gz\$/\1/p" "$work/SHA256SUMS")
[ -n "$wanted" ] || die "SHA256SUMS does not name $name.tar.gz"
[ "$(digest "$work/$name.tar.gz")" = "$wanted" ] || die "$name.tar.gz is not what SHA256SUMS says; nothing was installed"

tar -xzf "$work/$name.tar.gz" -C "$work"
"$work/$name/sluice" --version >/dev/null || die "the program does not run here; try SLUICE_LIBC=musl"
share=$prefix/share
mkdir -p "$prefix/bin" "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/site-functions" \
  "$share/fish/vendor_completions.d"
# Beside and then over: a worker that runs keeps its file.
cp "$work/$name/sluice" "$prefix/bin/.sluice.new"
mv "$prefix/bin/.sluice.new" "$prefix/bin/sluice"
cp "$work/$name"/man1/*.1 "$share/man/man1/"
cp "$work/$name/completions/sluice.bash" "$share/bash-completion/completions/sluice"
cp "$work/$name/completions/_sluice" "$share/zsh/site-functions/_sluice"
cp "$work/$name/completions/sluice.fish" "$share/fish/vendor_completions.d/sluice.fish"
"$prefix/bin/sluice" --version
case :$PATH: in
  *:"$prefix/bin":*) ;;
  *) echo "add $prefix/bin to your PATH" ;;
esac
