# What the recipes share: `needs FILE...` ends a recipe whose data folder lacks one of them, with a
# list of what is missing. They read it after `data` is set.
needs() {
  local each missing=()
  for each in "$@"; do
    [ -e "$data/$each" ] || missing+=("$each")
  done
  [ ${#missing[@]} -eq 0 ] && return
  {
    echo "error: the data folder must have everything that this recipe reads; $data lacks:"
    printf '  %s\n' "${missing[@]}"
    echo "hint: give the folder as the first argument; docs/guides/data.md says what goes into it"
  } >&2
  exit 2
}
