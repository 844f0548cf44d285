/** The least that Fastify can do with a POST: what of a slot's time is not ours. */
import Fastify from 'fastify';

const app = Fastify();
app.post('/uploads', async () => ({}));
process.send?.(await app.listen({ host: '127.0.0.1', port: 0 }));
process.on('disconnect', () => process.exit());
