import pytest, re
from sqlalchemy import event
from sqlalchemy.engine import Engine
@pytest.fixture
def dialect(): return "sqlite"
LISTS=["/people/","/memberships/","/mandates/","/hospitals/","/networks/","/registries/","/countries/","/centres/","/my-assistants/","/whom-i-assist/","/my-logins/"]
FORMS=["/people/add","/memberships/add","/mandates/guest","/mandates/assistant","/mandates/coordinator","/mandates/hub","/mandates/data-protection-contact","/mandates/representative","/hospitals/add","/my-assistants/add"]
def test_walk(world):
    bad=[]
    for who in ["owner","assistant","guest","coordinator","representative","protection","hub","admin","bystander"]:
        c=world.house.client_for(world.people[who], seen_at=__import__("datetime").datetime.now(__import__("datetime").UTC)+__import__("datetime").timedelta(hours=1))
        seen={}
        for url in LISTS+FORMS:
            #c=world.house.client_for(world.people[who], seen_at=__import__("datetime").datetime.now(__import__("datetime").UTC)+__import__("datetime").timedelta(hours=1))
            n=[0]
            def count(*a): n[0]+=1
            event.listen(Engine,"after_cursor_execute",count)
            r=c.get(url)
            event.remove(Engine,"after_cursor_execute",count)
            seen[url]=(r.status_code,n[0])
            if r.status_code>=500: bad.append((who,url))
            if r.status_code==200:
                for href in sorted(set(re.findall(r'href="(/(?:people|memberships|mandates|hospitals|networks|registries|countries|centres|my-assistants|whom-i-assist|areas|authorisations)/[^"]+)"',r.text)))[:6]:
                    href=href.replace("&amp;","&")
                    n[0]=0
                    event.listen(Engine,"after_cursor_execute",count)
                    rr=c.get(href)
                    event.remove(Engine,"after_cursor_execute",count)
                    if rr.status_code not in(200,302): bad.append((who,href,rr.status_code))
                    if rr.status_code==200:
                        for h2 in sorted(set(re.findall(r'href="(/(?:people|memberships|mandates|hospitals|networks|registries|countries|centres|my-assistants|whom-i-assist|areas|authorisations)/[^"]+)"',rr.text)))[:8]:
                            h2=h2.replace("&amp;","&")
                            r3=c.get(h2)
                            if r3.status_code not in(200,302): bad.append((who,href,h2,r3.status_code))
        print(who,seen)
    print(bad)
    assert not bad
