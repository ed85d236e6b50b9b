// Saves an update in PostgreSQL, in a transaction of its own; undefined without SAVES.
import pg from "pg";

const pool =
  process.env.SAVES && new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

export const save =
  pool &&
  (({ room, title }) =>
    pool.query("UPDATE site_document SET title = $1, updated_at = now() WHERE id = $2", [
      title,
      room,
    ]));
