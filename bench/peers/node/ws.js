// Rooms on ws with Redis publish and subscribe: node ws.js PORT; with SAVES, each update is saved.
import { createClient } from "redis";
import { save } from "./save.js";
import { WebSocket, WebSocketServer } from "ws";

const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const rooms = new Map();

await subscriber.pSubscribe("room:*", (message, channel) => {
  for (const client of rooms.get(Number(channel.slice(5))) ?? []) {
    if (client.readyState === WebSocket.OPEN) {
      client.send(message);
    }
  }
});

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]) });

server.on("connection", (client) => {
  let room;
  client.on("message", async (data) => {
    const text = data.toString();
    const message = JSON.parse(text);
    if ("join" in message) {
      room = message.join;
      if (!rooms.has(room)) rooms.set(room, new Set());
      rooms.get(room).add(client);
      client.send('{"joined":true}');
    } else {
      await save?.(message);
      publisher.publish(`room:${message.room}`, text);
    }
  });
  client.on("close", () => rooms.get(room)?.delete(client));
});
