// The engine row's flow in XState: `node engine_xstate.mjs SECONDS` prints runs a second.
import { assign, createActor, createMachine } from "xstate";

const machine = createMachine({
  context: ({ input }) => ({ said: input.said, attributes: {}, texts: [] }),
  initial: "remember",
  states: {
    remember: {
      entry: assign({ attributes: ({ context }) => ({ ...context.attributes, name: context.said }) }),
      always: "check",
    },
    check: {
      always: [
        { guard: ({ context }) => context.attributes.name != null, target: "greet" },
        { target: "part" },
      ],
    },
    greet: {
      entry: assign({
        texts: ({ context }) => [...context.texts, `Hello ${context.attributes.name}, welcome!`],
      }),
      always: "note",
    },
    note: {
      entry: assign({ attributes: ({ context }) => ({ ...context.attributes, greeted: "yes" }) }),
      always: "part",
    },
    part: {
      entry: assign({
        texts: ({ context }) => [...context.texts, `Bye ${context.attributes.name}, see you soon.`],
      }),
      type: "final",
    },
  },
});

function run(said) {
  const actor = createActor(machine, { input: { said } }).start();
  return actor.getSnapshot().context.texts;
}

const expected = ["Hello Ada, welcome!", "Bye Ada, see you soon."];
if (JSON.stringify(run("Ada")) !== JSON.stringify(expected)) throw new Error("the flow says something else");

const seconds = Number(process.argv[2] ?? "1");
const warmed = performance.now() + 300;
while (performance.now() < warmed) run("Ada");
let done = 0;
const began = performance.now();
const ends = began + seconds * 1000;
while (performance.now() < ends) {
  for (let each = 0; each < 20; each++) run("Ada");
  done += 20;
}
console.log(done / ((performance.now() - began) / 1000));
