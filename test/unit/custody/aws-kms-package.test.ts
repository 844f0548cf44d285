import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { it } from 'node:test';
import { awsKmsWrapper } from '../../../src/custody/adapters/aws-kms.ts';
import { PackageMissing } from '../../../src/custody/errors.ts';
import { fakeKms, fakeKmsConfig } from '../../support/fake-kms.ts';

// In a file of its own: nothing else here may have loaded the package.
it('AWS KMS says which package is missing, and how to install it', async (test) => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== '@aws-sdk/client-kms') return next(specifier, context);
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  test.after(() => hooks.deregister());
  const opening = awsKmsWrapper({
    id: 'kms',
    config: fakeKmsConfig(),
    requestHandler: fakeKms().handler,
  });
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof PackageMissing);
    assert.match(error.message, /npm install @aws-sdk\/client-kms/);
    return true;
  });
});
