"""How a report looks: colours for light and dark, and one style sheet."""

# name: light, dark. The four series are Okabe and Ito's colours for colour-blind readers ("Color Universal
# Design", 2008), the orange darkened on white and the blue lightened on black for contrast.
COLOURS = {
    "ink": ("#1d2630", "#e8ecf1"),
    "muted": ("#5b6773", "#9aa7b5"),
    "grid": ("#e3e8ed", "#2c3540"),
    "page": ("#f4f6f8", "#11161c"),
    "card": ("#fefefe", "#1a2129"),
    "blue": ("#0072b2", "#56b4e9"),
    "orange": ("#d98a00", "#f0b13c"),
    "green": ("#009e73", "#33c29a"),
    "red": ("#d55e00", "#ff8a47"),
}


def _variables(theme: int) -> str:
    return "".join(f"--{name}:{pair[theme]};" for name, pair in COLOURS.items())


STYLE_SHEET = (
    f":root{{color-scheme:light dark;{_variables(0)}}}\n"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(1)}}}}}\n"
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
main,header,footer,nav{max-width:1140px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
h1{font-size:2rem;line-height:1.2;margin:0 0 .25rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.3rem;line-height:1.3;margin:0 0 .35rem}
h3{font-size:1rem;margin:1.6rem 0 .5rem}
p{margin:.4rem 0}
a{color:var(--blue)}
.lead{font-size:1.1rem;max-width:68ch}
.meta,.how,figcaption,footer{color:var(--muted)}
.meta,.how{font-size:.92rem;max-width:90ch}
.kicker{font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;color:var(--muted);margin:0 0 .5rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;margin:1.2rem 0 0;padding:0;
  font-size:.92rem}
nav a{text-decoration:none}
nav a:hover{text-decoration:underline}
section{background:var(--card);border:1px solid var(--grid);border-radius:10px;padding:24px 26px;
  margin:20px 0}
.verdict{border-left:6px solid var(--state);display:grid;grid-template-columns:minmax(0,1fr);gap:.2rem}
.verdict h2{font-size:1.6rem;color:var(--state)}
.within{--state:var(--green)}.over{--state:var(--red)}.open{--state:var(--orange)}
.tiles{display:grid;margin:1rem 0 0;padding:0;gap:12px;
  grid-template-columns:repeat(auto-fit,minmax(250px,1fr))}
.tile{border:1px solid var(--grid);border-radius:8px;padding:12px 14px;margin:0}
.tile dt{font-size:.85rem;color:var(--muted)}
.tile dd{margin:0}
.tile .big{font-size:1.55rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.tile .note{font-size:.85rem;color:var(--muted);line-height:1.4}
.scroll{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;font-size:.92rem;min-width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);font-size:.88rem;padding-bottom:.4rem}
caption span{position:sticky;left:0;display:inline-block;max-width:min(100%,calc(100vw - 60px))}
th,td{text-align:left;padding:.42rem .9rem .42rem 0;border-bottom:1px solid var(--grid);
  vertical-align:baseline}
th{font-weight:600}
th code{white-space:nowrap}
thead th,thead .number{white-space:normal}
thead th{color:var(--muted);font-weight:500;font-size:.86rem;vertical-align:bottom}
tfoot th,tfoot td{border-bottom:0;font-weight:600}
.number{text-align:right;white-space:nowrap}
code,pre{font:.87em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
header code{background:none;padding:0}
code{background:var(--page);border-radius:4px;padding:.1em .35em;overflow-wrap:anywhere}
pre{background:var(--page);border-radius:8px;padding:12px 14px;overflow-x:auto;margin:.6rem 0}
pre code{padding:0;overflow-wrap:normal}
.missing{border:1px dashed var(--muted);border-radius:8px;padding:14px 16px;margin:.8rem 0}
.pictures{display:grid;gap:22px 28px;margin:1rem 0}
.pictures.two{grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
.pictures.three{grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}
figure{margin:0;min-width:0;break-inside:avoid}
.three>figure{max-width:440px}
figcaption{font-size:.88rem;line-height:1.45;margin-top:.35rem}
figcaption strong{color:var(--ink);font-weight:600}
svg{display:block;width:100%;height:auto;overflow:visible}
svg *{stroke-linejoin:round;stroke-linecap:butt}
svg text{font-family:inherit}
.case{margin-top:1.6rem;padding-top:.2rem;border-top:1px solid var(--grid)}
.case h3{margin-top:1rem}
.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .6em;font-size:.82rem;
  color:var(--green)}
footer{font-size:.88rem;padding-bottom:40px}
@media (min-width:1000px),print{
  .two>figure:last-child:nth-child(odd){grid-column:1/-1;display:grid;
    grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:28px;align-items:center}
  .one>figure{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,1fr);gap:28px;align-items:center}
}
@media (max-width:640px){
  body{font-size:15px}
  main,header,footer,nav{padding-left:14px;padding-right:14px}
  header{padding-top:24px}
  section{padding:18px 15px}
  h1{font-size:1.6rem}
  .tiles{grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}
}
@media print{
  @page{margin:14mm}
  body{background:none;font-size:10.5pt}
  nav{display:none}
  section{border:0;border-top:1px solid var(--grid);border-radius:0;padding:14px 0;margin:0;background:none}
  .verdict{border-left:5px solid var(--state);padding-left:14px}
  h2,h3,.how{break-after:avoid}
  tr,.tile{break-inside:avoid}
  .pictures.two{grid-template-columns:1fr 1fr}
  .pictures.three{grid-template-columns:1fr 1fr 1fr}
  .scroll{overflow:visible}
}
"""
)
