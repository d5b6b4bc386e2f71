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

# `same_part K FOLDER` ends a recipe whose folder has the images of another part of the people.
same_part() {
  mkdir -p "$2"
  if [ "$(cat "$2/part" 2> /dev/null || echo "$1")" != "$1" ]; then
    echo "error: $2 has PART=$(cat "$2/part"), and PART=$1 is asked for" >&2
    echo "hint: give another folder as the second argument" >&2
    exit 2
  fi
  echo "$1" > "$2/part"
}
