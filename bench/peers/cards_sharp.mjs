// The card row in sharp, one thread: `node cards_sharp.mjs FORMAT SECONDS FOLDER` prints cards a second.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);

const [format, seconds, folder] = process.argv.slice(2);
const known = JSON.parse(readFileSync(join(folder, "known.json")));
const photo = readFileSync(join(folder, "photo.jpg"));
// Template and mask are kept, decoded.
const { data, info } = await sharp(join(folder, "template.png")).removeAlpha().raw().toBuffer({ resolveWithObject: true });
const raw = { width: info.width, height: info.height, channels: info.channels };
const [x, y, width, height] = known.places.photo;
const circle = Buffer.from(
  `<svg width="${width}" height="${height}"><circle cx="${width / 2}" cy="${height / 2}" r="${width / 2}"/></svg>`,
);
const mask = await sharp(circle).png().toBuffer();

async function text(content) {
  const markup = `<span foreground="#1f2a44">${content}</span>`;
  const options = { text: markup, font: `Playfair Display ${known.size}`, fontfile: known.font, dpi: 72, rgba: true };
  const { data, info } = await sharp({ text: options }).raw().toBuffer({ resolveWithObject: true });
  return { data, raw: { width: info.width, height: info.height, channels: info.channels } };
}

async function card(name, number) {
  const [left, top, wide, high] = known.crop;
  const head = await sharp(photo)
    .extract({ left, top, width: wide, height: high })
    .resize(width, height, { fit: "fill" })
    .ensureAlpha()
    .composite([{ input: mask, blend: "dest-in" }])
    .raw()
    .toBuffer();
  const [words, figures] = [await text(name), await text(number)];
  const [nameX, nameY, nameWidth, nameHeight] = known.places.name;
  const made = sharp(data, { raw }).composite([
    { input: head, raw: { width, height, channels: 4 }, left: x, top: y },
    {
      input: words.data,
      raw: words.raw,
      left: nameX + ((nameWidth - words.raw.width) >> 1),
      top: nameY + ((nameHeight - words.raw.height) >> 1),
    },
    {
      input: figures.data,
      raw: figures.raw,
      left: known.places.number[0],
      top: known.places.number[1] + ((known.places.number[3] - figures.raw.height) >> 1),
    },
  ]);
  return (format === "jpeg" ? made.jpeg({ quality: 90 }) : made.png()).toBuffer();
}

let done = 0;
const next = () => card(known.names[done % known.names.length], String(427 + (done % 10)).padStart(4, "0"));
await next();
// A core's time, not the clock's: neighbours on the machine don't count.
const began = process.cpuUsage();
const ends = performance.now() + Number(seconds) * 1000;
do {
  await next();
  done += 1;
} while (performance.now() < ends);
const { user, system } = process.cpuUsage(began);
console.log((done * 1e6) / (user + system));
