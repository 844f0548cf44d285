import { execFileSync } from 'node:child_process';

/** For each shell: what is asked of it, with the completion script loaded, and how. The right answer is `serve`. */
export const SHELLS = {
  bash: {
    asks: 'completes sealslot ser<TAB>',
    script: `source <(sealslot completion bash)
      function=$(complete -p sealslot | sed -E 's/.* -F ([^ ]+) .*/\\1/')
      COMP_WORDS=(sealslot ser) COMP_CWORD=1
      "$function" sealslot ser sealslot
      printf '%s\\n' "\${COMPREPLY[@]}"`,
  },
  zsh: {
    // It completes only at a terminal.
    asks: 'loads the script',
    script: `autoload -U compinit && compinit -u -D
      source <(sealslot completion zsh)
      (( $+_comps[sealslot] )) && echo serve`,
  },
  fish: {
    asks: 'completes sealslot ser<TAB>',
    script: `sealslot completion fish | source
      complete -C 'sealslot ser' | cut -f 1`,
  },
} as const;

export function complete(shell: keyof typeof SHELLS, env: NodeJS.ProcessEnv): string {
  return execFileSync(shell, ['-c', SHELLS[shell].script], { env, encoding: 'utf8' }).trim();
}
