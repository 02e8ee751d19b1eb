// A field on its mesh, drawn where it is looked at: the mesh travels once, a field is one number a node.
//
// model.mesh     JSON: kind ("surface", "points" or "line"), dimension, unit, centre
// model.nodes    float32, three coordinates a node, relative to the centre
// model.faces    uint32, three nodes a triangle
// model.outline  uint32, two nodes an edge
// model.palette  256 colours, three bytes each
// model.frame    float32: lower and upper end of the colours, then a value for each node

const VERTEX = `#version 300 es
in vec3 position; in float value;
uniform mat4 view; uniform vec2 ends;
out float level; out vec3 place;
void main() {
  gl_Position = view * vec4(position, 1.0);
  gl_PointSize = 6.0;
  level = (value - ends.x) / (ends.y - ends.x);
  place = gl_Position.xyz;
}`

const FRAGMENT = `#version 300 es
precision highp float;
in float level; in vec3 place;
uniform sampler2D colours; uniform float shaded; uniform vec4 plain;
out vec4 colour;
void main() {
  if (plain.a > 0.0) { colour = plain; return; }
  float light = 1.0;
  if (shaded > 0.0) {
    vec3 across = cross(dFdx(place), dFdy(place));
    light = 0.55 + 0.45 * abs(normalize(across).z);
  }
  float at = (clamp(level, 0.0, 1.0) * 255.0 + 0.5) / 256.0;
  colour = vec4(texture(colours, vec2(at, 0.5)).rgb * light, 1.0);
}`

const STYLE = `
.field { color: var(--ink); font-size: 0.85rem; position: relative }
.field canvas, .field svg { display: block; width: 100%; touch-action: none }
.field canvas { cursor: grab }
.field .bar { height: 10px; border-radius: 3px; margin: 6px 0 2px }
.field .ends { display: flex; justify-content: space-between; color: var(--muted);
  font-variant-numeric: tabular-nums }
.field .at { position: absolute; left: 0; top: 0; pointer-events: none; background: var(--card);
  border: 1px solid var(--grid); border-radius: 6px; padding: 2px 8px; white-space: nowrap; display: none }
.field text { fill: var(--ink); font-size: 12px } .field .grid { stroke: var(--grid) }
.field .curve { fill: none; stroke: var(--blue); stroke-width: 2 }
`

const MINUS = "\u2212"

function written(number) {
  const size = Math.abs(number)
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? number.toExponential(3) : String(+number.toPrecision(5))
  return text.replace("-", MINUS)
}

function floats(bytes) {
  return bytes ? new Float32Array(bytes) : new Float32Array(0)
}

function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((part) => part * power).find((part) => part >= rough * 0.999)
  const found = []
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step)
  return found
}

function colour(element, name) {
  const hex = getComputedStyle(element).getPropertyValue(name).trim() || "#888888"
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16) / 255)
}

function program(gl) {
  const made = gl.createProgram()
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind)
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    gl.attachShader(made, shader)
  }
  gl.bindAttribLocation(made, 0, "position")
  gl.bindAttribLocation(made, 1, "value")
  gl.linkProgram(made)
  gl.useProgram(made)
  return made
}

// Turn by two angles, shift, and scale to the canvas; depth is squeezed so that nothing is cut off.
function view(camera, reach, aspect) {
  const [ca, sa] = [Math.cos(camera.around), Math.sin(camera.around)]
  const [ct, st] = [Math.cos(camera.tilt), Math.sin(camera.tilt)]
  const [sx, sy] = aspect > reach.aspect ? [camera.zoom / (reach.half[1] * aspect), camera.zoom / reach.half[1]]
    : [camera.zoom / reach.half[0], camera.zoom * aspect / reach.half[0]]
  const depth = 0.5 / reach.radius
  return new Float32Array([
    sx * ca, sy * sa * ct, -depth * sa * st, 0,
    -sx * sa, sy * ca * ct, -depth * ca * st, 0,
    0, -sy * st, -depth * ct, 0,
    camera.shift[0], camera.shift[1], 0, 1,
  ])
}

function extent(nodes, dimension) {
  const half = [1e-30, 1e-30, 1e-30]
  for (let i = 0; i < nodes.length; i++) half[i % 3] = Math.max(half[i % 3], Math.abs(nodes[i]))
  const radius = Math.hypot(...half)
  const flat = dimension === 2 ? [half[0] * 1.03, half[1] * 1.03] : [radius, radius]
  return { half: flat, radius, aspect: flat[0] / flat[1] }
}

function surface(model, holder, at) {
  const mesh = JSON.parse(model.mesh)
  const canvas = document.createElement("canvas")
  holder.append(canvas)
  const gl = canvas.getContext("webgl2", { antialias: true })
  if (!gl) {
    holder.textContent = "This browser cannot draw fields: it needs WebGL 2. The numbers beside it are right."
    return () => {}
  }
  const nodes = floats(model.nodes)
  const reach = extent(nodes, mesh.dimension)
  const [faces, outline] = [new Uint32Array(model.faces), new Uint32Array(model.outline)]
  const made = program(gl)
  const uniform = (name) => gl.getUniformLocation(made, name)
  const buffer = (target, content, usage) => {
    const stored = gl.createBuffer()
    gl.bindBuffer(target, stored)
    gl.bufferData(target, content, usage)
    return stored
  }
  buffer(gl.ARRAY_BUFFER, nodes, gl.STATIC_DRAW)
  gl.enableVertexAttribArray(0)
  gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0)
  const values = buffer(gl.ARRAY_BUFFER, new Float32Array(nodes.length / 3), gl.DYNAMIC_DRAW)
  gl.enableVertexAttribArray(1)
  gl.vertexAttribPointer(1, 1, gl.FLOAT, false, 0, 0)
  const triangles = buffer(gl.ELEMENT_ARRAY_BUFFER, faces, gl.STATIC_DRAW)
  const edges = buffer(gl.ELEMENT_ARRAY_BUFFER, outline, gl.STATIC_DRAW)
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture())
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1)
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, new Uint8Array(model.palette))
  for (const which of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, which, gl.LINEAR)
  for (const which of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, which, gl.CLAMP_TO_EDGE)
  gl.enable(gl.DEPTH_TEST)
  gl.depthFunc(gl.LEQUAL)
  gl.enable(gl.BLEND)
  gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE)

  const home = () => mesh.dimension === 2 ? { around: 0, tilt: 0, zoom: 1, shift: [0, 0] }
    : { around: 0.6, tilt: -1.1, zoom: 1.3, shift: [0, 0] }
  let camera = home()
  let frame = floats(model.frame)
  let matrix = null

  function draw() {
    const wide = holder.clientWidth || 400
    const tall = Math.min(Math.max(wide / reach.aspect, 120), Math.min(0.62 * window.innerHeight, 640))
    const dots = window.devicePixelRatio || 1
    canvas.style.height = `${tall}px`
    if (canvas.width !== Math.round(wide * dots) || canvas.height !== Math.round(tall * dots)) {
      canvas.width = Math.round(wide * dots)
      canvas.height = Math.round(tall * dots)
    }
    gl.viewport(0, 0, canvas.width, canvas.height)
    gl.clearColor(0, 0, 0, 0)
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT)
    if (frame.length < 3) return
    matrix = view(camera, reach, wide / tall)
    gl.uniformMatrix4fv(uniform("view"), false, matrix)
    gl.uniform2f(uniform("ends"), frame[0], frame[1])
    gl.uniform1f(uniform("shaded"), mesh.dimension === 3 && faces.length ? 1 : 0)
    gl.uniform4f(uniform("plain"), 0, 0, 0, 0)
    if (faces.length) {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, triangles)
      gl.drawElements(gl.TRIANGLES, faces.length, gl.UNSIGNED_INT, 0)
      gl.uniform4f(uniform("plain"), ...colour(holder, "--ink"), mesh.dimension === 3 ? 0.3 : 1)
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, edges)
      gl.drawElements(gl.LINES, outline.length, gl.UNSIGNED_INT, 0)
    } else gl.drawArrays(gl.POINTS, 0, nodes.length / 3)
  }

  function show() {
    frame = floats(model.frame)
    gl.bindBuffer(gl.ARRAY_BUFFER, values)
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, frame.subarray(2))
    draw()
  }

  let held = null
  canvas.addEventListener("pointerdown", (event) => {
    held = [event.clientX, event.clientY]
    canvas.setPointerCapture(event.pointerId)
  })
  canvas.addEventListener("pointerup", () => { held = null })
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return point(event)
    const [dx, dy] = [event.clientX - held[0], event.clientY - held[1]]
    held = [event.clientX, event.clientY]
    if (mesh.dimension === 3 && !event.shiftKey) {
      camera.around += dx / 150
      camera.tilt += dy / 150
    } else {
      camera.shift[0] += 2 * dx / canvas.clientWidth
      camera.shift[1] -= 2 * dy / canvas.clientHeight
    }
    draw()
  })
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault()
    const factor = Math.exp(-event.deltaY / 500)
    camera.zoom *= factor
    camera.shift = camera.shift.map((part) => part * factor)
    draw()
  }, { passive: false })
  canvas.addEventListener("dblclick", () => { camera = home(); draw() })
  canvas.addEventListener("pointerleave", () => { at.style.display = "none" })

  // Say the value at the node under the pointer, the foremost one where several are near.
  function point(event) {
    if (!matrix) return
    const box = canvas.getBoundingClientRect()
    const x = 2 * (event.clientX - box.left) / box.width - 1
    const y = 1 - 2 * (event.clientY - box.top) / box.height
    let [best, nearest] = [-1, 0.002]
    for (let i = 0; i < nodes.length; i += 3) {
      const [a, b, c] = [nodes[i], nodes[i + 1], nodes[i + 2]]
      const dx = matrix[0] * a + matrix[4] * b + matrix[8] * c + matrix[12] - x
      const dy = (matrix[1] * a + matrix[5] * b + matrix[9] * c + matrix[13] - y) * box.height / box.width
      const depth = mesh.dimension === 3 ? matrix[2] * a + matrix[6] * b + matrix[10] * c : 0
      const away = dx * dx + dy * dy + 0.002 * depth
      if (dx * dx + dy * dy < 0.002 && away < nearest) [best, nearest] = [i, away]
    }
    at.style.display = best < 0 ? "none" : "block"
    if (best < 0) return
    const place = mesh.centre.map((middle, axis) => written(middle + nodes[best + axis])).join(", ")
    at.textContent = `${written(frame[2 + best / 3])} ${model.unit} at (${place}) ${mesh.unit}`
    at.style.transform = `translate(${Math.min(event.clientX - box.left + 14, box.width - at.offsetWidth)}px,`
      + `${event.clientY - box.top + 14}px)`
  }

  return { show, draw }
}

function line(model, holder) {
  const mesh = JSON.parse(model.mesh)
  const nodes = floats(model.nodes)
  const along = Array.from({ length: nodes.length / 3 }, (_, i) => nodes[3 * i] + mesh.centre[0])
  const order = along.map((_, i) => i).sort((a, b) => along[a] - along[b])
  const [first, last] = [along[order[0]], along[order[order.length - 1]]]

  function draw() {
    const frame = floats(model.frame)
    if (frame.length < 3) return
    const wide = holder.clientWidth || 400
    const tall = Math.min(Math.max(0.42 * wide, 180), 420)
    const [left, right, top, bottom] = [64, 10, 12, 40]
    const space = 0.04 * (frame[1] - frame[0])
    const [low, high] = [frame[0] - space, frame[1] + space]
    const x = (place) => left + (wide - left - right) * (place - first) / (last - first)
    const y = (value) => top + (tall - top - bottom) * (high - value) / (high - low)
    const parts = [`<svg viewBox="0 0 ${wide} ${tall}" height="${tall}" role="img">`]
    for (const tick of ticks(low, high, 5)) parts.push(
      `<line class="grid" x1="${left}" x2="${wide - right}" y1="${y(tick)}" y2="${y(tick)}"/>`,
      `<text x="${left - 8}" y="${y(tick) + 4}" text-anchor="end">${written(+tick.toPrecision(12))}</text>`)
    for (const tick of ticks(first, last, 6)) parts.push(
      `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${top}" y2="${tall - bottom}"/>`,
      `<text x="${x(tick)}" y="${tall - bottom + 18}" text-anchor="middle">${written(+tick.toPrecision(12))}</text>`)
    const path = order.map((i) => `${x(along[i]).toFixed(1)},${y(frame[2 + i]).toFixed(1)}`).join(" ")
    parts.push(`<polyline class="curve" points="${path}"/>`,
      `<text x="${(left + wide - right) / 2}" y="${tall - 4}" text-anchor="middle">x (${mesh.unit})</text></svg>`)
    holder.innerHTML = parts.join("")
  }

  return { show: draw, draw }
}

export function render({ model, el }) {
  const box = document.createElement("div")
  box.className = "field"
  const [sheet, holder, bar, ends, at] = ["style", "div", "div", "div", "div"].map((tag) => document.createElement(tag))
  sheet.textContent = STYLE
  bar.className = "bar"
  ends.className = "ends"
  at.className = "at"
  box.append(sheet, holder, bar, ends, at)
  let drawn = {} // nothing before the first frame of the page; nothing to show without WebGL

  function build() {
    holder.replaceChildren()
    const isLine = JSON.parse(model.mesh).kind === "line"
    drawn = isLine ? line(model, holder) : surface(model, holder, at)
    bar.style.display = ends.style.display = isLine ? "none" : ""
    const palette = new Uint8Array(model.palette)
    const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((i) => `rgb(${palette.slice(3 * i, 3 * i + 3).join(",")})`)
    bar.style.background = `linear-gradient(to right, ${stops.join(",")})`
    show()
  }

  function show() {
    if (!drawn.show) return
    drawn.show()
    const [low, high] = floats(model.frame)
    const shares = holder.clientWidth < 420 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]
    if (low !== undefined) ends.replaceChildren(...shares.map((share) => {
      const end = document.createElement("span")
      end.textContent = written(low + share * (high - low)) + (share === 1 && model.unit ? ` ${model.unit}` : "")
      return end
    }))
    box.dispatchEvent(new CustomEvent("drawn", { bubbles: true, composed: true }))
  }

  const again = () => drawn.draw?.()
  new ResizeObserver(again).observe(holder)
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again)
  model.on("frame", show)
  model.on("nodes", build)
  requestAnimationFrame(build)
  return box
}
