/** A key's ARN as KMS writes it; never an alias. */
const KEY_ARN =
  /^arn:([a-z0-9-]+):kms:([a-z0-9-]+):([0-9]{12}):key\/(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;

export function isKeyArn(text: string): boolean {
  return KEY_ARN.test(text);
}

/** Whether both are keys of one partition, region and account. */
export function ofOneAccount(one: string, other: string): boolean {
  const [a, b] = [KEY_ARN.exec(one), KEY_ARN.exec(other)];
  return a !== null && b !== null && [1, 2, 3].every((part) => a[part] === b[part]);
}
