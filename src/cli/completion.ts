import type { Command } from 'commander';

export type Shell = 'bash' | 'zsh' | 'fish';

/** What can follow one command: `sealslot api-key` is followed by `create` … and `--help`. */
interface Words {
  readonly path: string;
  /** The commands below it. */
  readonly below: readonly string[];
  readonly words: readonly string[];
  readonly takesFiles: boolean;
}

/** A completion script, made from the commands as they are defined: nothing to keep in step by hand. */
export function completionScript(program: Command, shell: Shell): string {
  const all = wordsOf(program, '');
  if (shell === 'fish') return fish(program.name(), all);
  const script = bash(program.name(), all);
  return shell === 'bash' ? script : `autoload -U +X bashcompinit && bashcompinit\n${script}`;
}

function wordsOf(command: Command, path: string): Words[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const options = help.visibleOptions(command).flatMap(({ long }) => (long == null ? [] : [long]));
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  // Every command has `help` below it; alone, it is not worth offering.
  const names = below.length > 1 ? below.map((each) => each.name()) : [];
  const words = [...names, ...choices, ...options];
  return [
    { path, below: names, words, takesFiles: names.length + choices.length === 0 },
    ...below
      .filter((each) => each.name() !== 'help')
      .flatMap((each) => wordsOf(each, `${path} ${each.name()}`.trim())),
  ];
}

function bash(name: string, all: readonly Words[]): string {
  const cases = all.map(
    ({ path, words, takesFiles }) =>
      `    '${path}') words='${words.join(' ')}'${takesFiles ? '' : '; files='} ;;`,
  );
  return `_${name}() {
  local word path='' words='' files='-o default' current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) ;;
      *) case " ${all.map(({ path }) => path.replaceAll(' ', '/')).join(' ')} " in *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;; esac ;;
    esac
  done
  case "\${path//\\// }" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "\${#COMPREPLY[@]}" -gt 0 ] || [ -z "$files" ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _${name} ${name}
`;
}

function fish(name: string, all: readonly Words[]): string {
  const lines = all.map(({ path, below, words, takesFiles }) => {
    const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
    const deeper = below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(' ')}`];
    const at = path === '' ? '__fish_use_subcommand' : [...seen, ...deeper].join('; and ');
    return `complete -c ${name}${takesFiles ? '' : ' -f'} -n '${at}' -a '${words.join(' ')}'`;
  });
  return `${lines.join('\n')}\n`;
}
