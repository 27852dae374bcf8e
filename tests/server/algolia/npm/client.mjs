// The official JavaScript client against a shop without a catalogue: node client.mjs HOST:PORT KEY
import assert from "node:assert/strict";
import { algoliasearch } from "algoliasearch";

const [host, key] = process.argv.slice(2);
const hosts = [{ url: host, protocol: "http", accept: "readWrite" }];
const timeouts = { connect: 60_000, read: 60_000, write: 60_000 }; // the machine may be busy
const client = algoliasearch("shop", key, { hosts, timeouts });
const indexName = "products";
const found = async (params) =>
  (await client.search({ requests: [{ indexName, ...params }] })).results[0];

const objects = Array.from({ length: 2500 }, (_, at) => ({
  objectID: `p${at}`,
  name: `${at % 2 ? "Blue" : "Red"} shirt ${at}`,
  brand: at % 5 ? "Acme" : "Bolt",
  price: 10 + at / 100,
  hierarchicalCategories: { lvl0: "Clothes", lvl1: `Clothes > ${at % 2 ? "Shirts" : "Tops"}` },
  sizes: [{ width: at % 3, label: "w" }],
  onSale: at === 7,
}));
await client.setSettings({
  indexName,
  indexSettings: { attributesForFaceting: ["searchable(brand)", "price"], replicas: ["products_price_desc"] },
});
assert.deepEqual((await client.getSettings({ indexName })).replicas, ["products_price_desc"]);
for (const { taskID } of await client.saveObjects({ indexName, objects })) {
  await client.waitForTask({ indexName, taskID });
}
assert.deepEqual(await client.getObject({ indexName, objectID: "p7" }), objects[7]);

let answer = await found({ query: "blue shirt", facets: ["*"], hitsPerPage: 5 });
assert.equal(answer.nbHits, 1250);
assert.deepEqual(answer.facets.brand, { Acme: 1000, Bolt: 250 });
assert.equal(answer.facets_stats.price.min, 10.01);
assert.match(answer.hits[0]._highlightResult.name.value, /^<em>Blue<\/em> <em>shirt<\/em> \d+$/);

answer = await found({ query: "", filters: "brand:Bolt AND price < 11", hitsPerPage: 100 });
assert.equal(answer.nbHits, 20);
answer = await found({ query: "", indexName: "products_price_desc", hitsPerPage: 1 });
assert.equal(answer.hits[0].objectID, "p2499");
answer = await found({ query: "", filters: "onSale:true OR sizes.width:2", facets: ["hierarchicalCategories.lvl1"] });
assert.equal(answer.nbHits, 833 + 1);
assert.equal(Object.keys(answer.facets["hierarchicalCategories.lvl1"]).length, 2);

const facets = await client.searchForFacetValues({
  indexName,
  facetName: "brand",
  searchForFacetValuesRequest: { facetQuery: "bo" },
});
assert.equal(facets.facetHits[0].highlighted, "<em>Bo</em>lt");

const all = [];
await client.browseObjects({ indexName, browseParams: {}, aggregator: ({ hits }) => all.push(...hits) });
assert.equal(new Set(all.map((hit) => hit.objectID)).size, 2500);

const { taskID } = await client.partialUpdateObject({
  indexName,
  objectID: "p7",
  attributesToUpdate: { price: 1, stock: { _operation: "Increment", value: 3 } },
});
await client.waitForTask({ indexName, taskID });
assert.equal((await client.getObject({ indexName, objectID: "p7" })).stock, 3);
const gone = await client.deleteObjects({ indexName, objectIDs: ["p0", "p1"] });
await client.waitForTask({ indexName, taskID: gone[0].taskID });
await assert.rejects(client.getObject({ indexName, objectID: "p0" }), { status: 404 });
await assert.rejects(found({ query: "", filters: "brand:" }), { status: 400, message: /filters/ });
await assert.rejects(client.listApiKeys(), { status: 403 });

const [trending, related] = (
  await client.initRecommend({ options: { hosts, timeouts } }).getRecommendations({
    requests: [
      { indexName, model: "trending-items", threshold: 0, maxRecommendations: 3 },
      { indexName, model: "related-products", objectID: "p7", threshold: 0, maxRecommendations: 3 },
    ],
  })
).results;
assert.equal(trending.hits.length, 3);
assert.ok(Array.isArray(related.hits));
console.log("done");
