/** A board of cards in React, typed. `client` is a Realtime, made once for the page. */
import { type Realtime } from "django-realtime-client";
import {
  RealtimeProvider, useConnection, useMembers, useRoom, useRoomState, useTasks,
} from "django-realtime-client/react";

// `python manage.py realtime_types > rooms.ts` writes this one.
interface BoardRoom {
  kind: "board";
  key: number;
  state: { title: string; cards: Record<string, { text: string }> };
}

export function App({ client }: { client: Realtime }) {
  return (
    <RealtimeProvider client={client}>
      <Board id={1} />
    </RealtimeProvider>
  );
}

function Board({ id }: { id: number }) {
  const room = useRoom<BoardRoom>("board", id);
  const title = useRoomState(room, titleOf);
  const cards = useRoomState(room, cardsOf);
  const members = useMembers(room);
  const tasks = useTasks(room);
  const { state } = useConnection();

  if (room?.ended) {
    return <p role="alert">{room.ended.message}</p>;
  }
  if (!room || title === undefined) {
    return <p>Loading: {state}</p>;
  }
  return (
    <main>
      <h1>{title}</h1>
      <p>{members.map((member) => member.username).join(", ")}</p>
      {tasks.map((task) => <progress key={task.task_id} value={task.progress} max={100} />)}
      <ul>
        {Object.entries(cards ?? {}).map(([key, { text }]) => (
          <li key={key}>
            {text} <button onClick={() => void room.update({ cards: { [key]: null } })}>Delete</button>
          </li>
        ))}
      </ul>
      <button onClick={() => void room.update({ cards: { "+": { text: "New" } } })}>Add</button>
    </main>
  );
}

const titleOf = (state: BoardRoom["state"]) => state.title;
const cardsOf = (state: BoardRoom["state"]) => state.cards;
