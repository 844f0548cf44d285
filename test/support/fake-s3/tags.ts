import type { ObjectTags } from '../../../src/s3/port.ts';
import type { FakeObjectStore } from '../fake-s3.ts';

export function fakeTags(s3: FakeObjectStore): ObjectTags {
  return {
    get: (object) => s3.called('getTags', object, () => s3.shelf.find(object)?.tags),
    put: (object, tags) =>
      s3.called('putTags', object, () => {
        const found = s3.shelf.find(object);
        if (found === undefined) return false;
        s3.shelf.tag(found, { ...tags });
        return true;
      }),
  };
}
