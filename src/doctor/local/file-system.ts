/** What `statfs` says of a folder. */
export interface FileSystem {
  readonly type: number;
  readonly bsize: number;
  readonly bavail: number;
  /** All inodes; 0 where they are not counted. */
  readonly files: number;
  readonly ffree: number;
}

export interface FileSystemKind {
  readonly name: string;
  /**
   * Whether it keeps what was fsynced, and the locks that keep a second process out: `never` memory; `shared` by hosts, where SQLite
   * warns of both (sqlite.org/useovernet.html) and a WAL needs memory of one host; `layer` a container's own; `perhaps` a server's matter.
   */
  readonly keeps: 'always' | 'never' | 'shared' | 'layer' | 'perhaps';
}

/** By Linux's magic numbers: statfs(2) and linux/magic.h. */
const KINDS: ReadonlyMap<number, FileSystemKind> = new Map([
  [0xef53, { name: 'ext', keeps: 'always' }],
  [0x58465342, { name: 'XFS', keeps: 'always' }],
  [0x9123683e, { name: 'Btrfs', keeps: 'always' }],
  [0x2fc12fc1, { name: 'ZFS', keeps: 'always' }],
  [0xf2f52010, { name: 'F2FS', keeps: 'always' }],
  [0xca451a4e, { name: 'bcachefs', keeps: 'always' }],
  [0x01021994, { name: 'tmpfs', keeps: 'never' }],
  [0x858458f6, { name: 'ramfs', keeps: 'never' }],
  [0x6969, { name: 'NFS', keeps: 'shared' }],
  [0xff534d42, { name: 'CIFS', keeps: 'shared' }],
  [0xfe534d42, { name: 'SMB', keeps: 'shared' }],
  [0x517b, { name: 'SMB', keeps: 'shared' }],
  [0x00c36400, { name: 'CephFS', keeps: 'shared' }],
  [0x5346414f, { name: 'AFS', keeps: 'shared' }],
  [0x0bd00bd0, { name: 'Lustre', keeps: 'shared' }],
  [0x794c7630, { name: 'overlayfs', keeps: 'layer' }],
  [0x01021997, { name: '9p', keeps: 'perhaps' }],
  [0x65735546, { name: 'FUSE', keeps: 'perhaps' }],
]);

export function fileSystemOf({ type }: FileSystem): FileSystemKind | undefined {
  // Elsewhere the numbers mean something else. A signed 32-bit field may come out negative.
  return process.platform === 'linux' ? KINDS.get(type >>> 0) : undefined;
}
