// Rooms in Socket.IO with its Redis adapter: node socketio.js PORT; with SAVES, each update is saved.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { save } from "./save.js";
import { Server } from "socket.io";

const pubClient = createClient({ url: process.env.REDIS_URL });
const subClient = pubClient.duplicate();
await Promise.all([pubClient.connect(), subClient.connect()]);

const httpServer = createServer();
const io = new Server(httpServer, { adapter: createAdapter(pubClient, subClient) });

io.on("connection", (socket) => {
  socket.on("join", ({ room }, callback) => {
    socket.join(String(room));
    callback();
  });
  socket.on("update", async (data) => {
    await save?.(data);
    io.to(String(data.room)).emit("project_updated", data);
  });
});

httpServer.listen(Number(process.argv[2]), "127.0.0.1");
